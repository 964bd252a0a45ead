"""A key and a secret header that may turn up nowhere: they are looked for everywhere."""

from __future__ import annotations

import asyncio
import copy
import io
import json
import logging
import pickle
import signal
import traceback
import warnings

import pytest
from canaries import HEADER, KEY, SECRETS, assert_clean
from fault_table import ANY_WAY, PLAIN, SO, STREAM, STREAMED, answer
from langchain_core.load import dumpd, dumps
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from llama_index.core.callbacks import CallbackManager
from llama_index.core.callbacks.base_handler import BaseCallbackHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.span_handlers import SimpleSpanHandler
from pydantic import PrivateAttr
from ways import OURS, outcome_of
from wire_server import Stall, head, stream, whole

from grayswan_core import (
    APIError,
    ChatRequest,
    ClientConfig,
    ConfigurationError,
    CygnetClient,
    Message,
)
from langchain_grayswan import ChatGraySwan
from llama_index_grayswan import GraySwan


@pytest.fixture
def logged():
    """All that any logger says at DEBUG."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    loggers = [each for each in logging.root.manager.loggerDict.values() if hasattr(each, "level")]
    levels = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(handler)
    root.setLevel(before)
    for each, level in zip(loggers, levels, strict=True):
        each.setLevel(level)


ECHO = json.dumps({"error": {"message": f"{KEY} {HEADER}", "headers": [f"Bearer {KEY}", HEADER]}})

ECHOES = {
    "401": whole(ECHO, 401),
    "200": whole(ECHO),
    "html": whole(f"<html>{KEY} {HEADER}</html>", content_type="text/html"),
    "bad json": whole(f'{{"choices": "{KEY} {HEADER}"'),
    "event": whole(f"data: {ECHO}\n\n", content_type="text/event-stream"),
    "bad event": whole(f"data: {KEY} {HEADER}\n\n", content_type="text/event-stream"),
    "status line": f"{KEY} {HEADER}\r\n\r\n".encode(),
    "header line": head() + f"{KEY} {HEADER}\r\n\r\n".encode(),
}

LOGGED = [
    "a complete stream",
    "401",
    "429, `Retry-After` of a day",
    "reset",
    "bad JSON",
    "an error text",
]


@pytest.fixture(params=["direct", "httpx"])
def transport(request):
    return request.param


@pytest.mark.parametrize(
    "fault", [f for f in (*ANY_WAY, *STREAMED) if f.name in LOGGED], ids=lambda fault: fault.name
)
def test_no_log_shows_a_secret_nor_what_was_said(server, logged, fault, transport):
    server.play_always(*fault.steps)
    for make in OURS.values():
        for is_async in (False, True):
            outcome_of(make, STREAM, server.url, fault, is_async=is_async, transport=transport)
    assert [HEADER] == server.requests[0].all("x-gateway")
    assert {"direct": "Using selector", "httpx": "connect_tcp"}[transport] in logged.getvalue()
    for unseen in (*SECRETS, "Hello", "so far"):
        assert unseen not in logged.getvalue()


@pytest.mark.parametrize("steps", ECHOES.values(), ids=ECHOES)
@pytest.mark.parametrize("how", [PLAIN, STREAM])
def test_what_the_service_echoes_is_hidden(server, how, steps, transport):
    server.play_always(steps)
    for make in OURS:
        for is_async in (False, True):
            outcome = outcome_of(
                OURS[make], how, server.url, ANY_WAY[0], is_async=is_async, transport=transport
            )
            assert isinstance(outcome.error, APIError)
            assert_clean(outcome.error)


@pytest.mark.parametrize("kind", [ChatGraySwan, GraySwan])
def test_no_form_of_a_model_holds_a_secret(server, kind):
    model = kind(api_key=KEY, base_url=server.url, default_headers={"x-gateway": HEADER})
    server.play_always(whole(answer()))
    model.client  # noqa: B018 - it is made here
    forms = [model, model.model_dump(), model.model_dump(mode="json"), model.model_dump_json()]
    forms += [pickle.dumps(model), copy.deepcopy(model), model.model_copy(), model.client]
    forms += [vars(model.client), [vars(each) for each in vars(model.client).values()]]
    if kind is ChatGraySwan:
        forms += [dumps(model), dumpd(model), model.to_json(), model._identifying_params]
        forms += [model._get_llm_string(), model._get_ls_params(), model.bind(stop=["x"])]
        forms += [model.get_graph().to_json(), model.get_output_schema().model_json_schema()]
    else:
        forms += [model.to_dict(), model.to_json(), model.metadata]
    assert_clean(*forms)


BAD = {
    "key": {"api_key": f"{KEY} {HEADER}"},
    "key, a line break within": {"api_key": f"{KEY}\n{HEADER}"},
    "address": {"base_url": f"https://user:{KEY}@h.example"},
    "address, no loopback": {"base_url": "http://h.example"},
    "timeout": {"timeout": -1},
    "header": {"default_headers": {"x-gateway": f"{HEADER}\r\nx: y"}},
    "header of ours": {"default_headers": {"Authorization": f"Bearer {KEY}"}},
    "type": {"temperature": KEY},
    "name": {"temprature": KEY},
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
@pytest.mark.parametrize("kind", [ChatGraySwan, GraySwan])
def test_a_setting_that_is_refused_is_not_shown(kind, bad):
    given = {"api_key": KEY, "default_headers": {"x-gateway": HEADER}, **bad}
    with pytest.raises((ConfigurationError, ValueError)) as caught:
        kind(**given)
    written = "".join(traceback.format_exception(caught.value))
    for secret in SECRETS:
        assert secret not in written
        assert secret not in repr(caught.value)


def test_a_key_with_a_line_break_at_its_end_is_a_key(server):
    server.play(whole(answer()))
    with CygnetClient(ClientConfig.resolve(api_key=f"{KEY}\r\n", base_url=server.url)) as client:
        assert KEY not in repr(client)
    assert (
        "Hi there." == ChatGraySwan(api_key=f" {KEY}\n", base_url=server.url).invoke("Hello").text
    )
    assert [f"Bearer {KEY}"] == server.requests[0].all("authorization")


# --- what the frameworks tell their listeners


def clean(ask):
    try:
        ask()
    except APIError as error:
        assert_clean(error)


@pytest.mark.parametrize("steps", [whole(answer()), whole(ECHO, 401)], ids=["answer", "error"])
def test_no_run_of_langchain_holds_a_secret(server, steps):
    server.play_always(steps)
    told = []

    class Listener(RunCollectorCallbackHandler):
        def on_chat_model_start(self, serialized, messages, **kwargs):
            told.append((serialized, kwargs))
            return super().on_chat_model_start(serialized, messages, **kwargs)

    runs = Listener()
    config = {"callbacks": [runs], "metadata": {"from": "a test"}}
    settings = {"base_url": server.url, "default_headers": {"x-gateway": HEADER}, "max_retries": 0}
    model = ChatGraySwan(api_key=KEY, **settings)
    for ask in (
        lambda: model.invoke("Hello", config),
        lambda: asyncio.run(model.ainvoke("Hello", config)),
        lambda: list(model.stream("Hello", config)),
    ):
        clean(ask)
    assert 3 == len(told) == len(runs.traced_runs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pydantic's, on how LangChain writes its own runs
        assert_clean(told, [run.model_dump() for run in runs.traced_runs])
    assert_clean([vars(run) for run in runs.traced_runs])


class Events(BaseEventHandler):
    _seen: list = PrivateAttr(default_factory=list)

    def handle(self, event, **_):
        self._seen.append(event)


class Payloads(BaseCallbackHandler):
    def __init__(self):
        super().__init__([], [])
        self.seen = []

    def on_event_start(self, event_type, payload=None, event_id="", parent_id="", **kwargs):
        self.seen.append((payload, kwargs))
        return event_id

    def on_event_end(self, event_type, payload=None, event_id="", **kwargs):
        self.seen.append((payload, kwargs))

    def start_trace(self, trace_id=None):
        pass

    def end_trace(self, trace_id=None, trace_map=None):
        pass


@pytest.mark.parametrize("steps", [whole(answer()), whole(ECHO, 401)], ids=["answer", "error"])
def test_no_event_of_llama_index_holds_a_secret(server, steps):
    server.play_always(steps)
    events, spans, payloads = Events(), SimpleSpanHandler(), Payloads()
    dispatcher = get_dispatcher()
    dispatcher.add_event_handler(events)
    dispatcher.add_span_handler(spans)
    llm = GraySwan(
        api_key=KEY,
        base_url=server.url,
        default_headers={"x-gateway": HEADER},
        max_retries=0,
        callback_manager=CallbackManager([payloads]),
    )
    try:
        for ask in (
            lambda: llm.complete("Hello"),
            lambda: asyncio.run(llm.acomplete("Hello")),
            lambda: list(llm.stream_complete("Hello")),
        ):
            clean(ask)
    finally:
        dispatcher.event_handlers.remove(events)
        dispatcher.span_handlers.remove(spans)
    kept = [*spans.completed_spans, *spans.dropped_spans, *spans.open_spans.values()]
    assert events._seen
    assert payloads.seen
    assert_clean([event.model_dump() for event in events._seen], payloads.seen)
    assert_clean([vars(span) for span in kept])


# --- frames that outlive a call


def held(error):
    """What the frames of a traceback hold, and what these values hold, some levels deep."""
    frames = []
    while error is not None:
        traceback = error.__traceback__
        while traceback is not None:
            if "/tests/" not in traceback.tb_frame.f_code.co_filename:
                frames.append(dict(traceback.tb_frame.f_locals))
            traceback = traceback.tb_next
        error = error.__cause__ or error.__context__
    return frames


def assert_frames_clean(error):
    frames = held(error)
    assert frames
    assert_clean(frames)
    for frame in frames:
        for value in frame.values():
            headers = getattr(value, "headers", None)
            assert_clean(value, getattr(headers, "raw", headers))


@pytest.mark.parametrize("steps", [(Stall(),), (*stream(SO), Stall())], ids=["head", "body"])
async def test_no_frame_of_a_cancelled_call_holds_a_secret(server, steps, transport):
    server.play_always(*steps)
    client, request = secret_client(server, transport)

    async def listen():
        async for _ in client.astream(request):
            pass

    task = asyncio.create_task(listen())
    await asyncio.to_thread(server.wait_for_requests, 1)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert_frames_clean(caught.value)
    await client.aclose()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system has no such signal")
@pytest.mark.parametrize("steps", [(Stall(),), (*stream(SO), Stall())], ids=["head", "body"])
def test_no_frame_of_an_interrupted_call_holds_a_secret(server, steps, transport):
    server.play_always(*steps)
    client, request = secret_client(server, transport)

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            for _ in client.stream(request):
                pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert_frames_clean(caught.value)
    server.wait_for_close()
    client.close()


def secret_client(server, transport):
    config = ClientConfig.resolve(
        api_key=KEY, base_url=server.url, headers={"x-gateway": HEADER}, max_retries=0
    )
    request = ChatRequest(model="m", messages=[Message(role="user", content="Hello")])
    return CygnetClient(config, transport=transport), request
