from __future__ import annotations

import asyncio
import gc
import json
import logging
import multiprocessing
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from wire_server import (
    LAST_CHUNK,
    Close,
    Hold,
    Reset,
    Stall,
    chunk,
    head,
    stream,
    whole,
)

from grayswan_core import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    ChatRequest,
    ClientConfig,
    ConfigurationError,
    CygnetClient,
    IncompleteStreamError,
    InternalServerError,
    InvalidRequestError,
    Message,
    ModerationRequest,
    RateLimitError,
    ResponseError,
    StreamError,
    Timeout,
)
from grayswan_core.http.protocol import ProtocolError
from grayswan_core.untrusted.marks import mark_untrusted

REQUEST = ChatRequest(model="cygnet", messages=[Message(role="user", content="Hello")])
QUESTION = ModerationRequest(input="Is this all right?")

VERDICT = '{"id": "m-1", "flagged": false, "detected": 0.1, "passed": 0.9}'


def answer(content="Hi there."):
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return json.dumps({"id": "chat-1", "model": "cygnet", "choices": [choice]})


def event(content, finish_reason=None, index=0):
    choice = {"index": index, "delta": {"content": content}, "finish_reason": finish_reason}
    return f"data: {json.dumps({'id': 'chat-1', 'choices': [choice]})}\n\n".encode()


DONE = b"data: [DONE]\n\n"


def text_of(chunks):
    return "".join(
        choice["delta"].get("content") or "" for each in chunks for choice in each["choices"]
    )


class Sync:
    """Drives the sync half of a client from an async test, without blocking its loop."""

    def __init__(self, client):
        self.client = client

    async def complete(self, **options):
        return await asyncio.to_thread(self.client.complete, REQUEST, **options)

    async def moderate(self):
        return await asyncio.to_thread(self.client.moderate, QUESTION)

    async def stream(self, **options):
        chunks = []
        try:
            await asyncio.to_thread(lambda: chunks.extend(self._collect(chunks, options)))
        except APIError as error:
            return chunks, error
        return chunks, None

    def _collect(self, chunks, options):
        for each in self.client.stream(REQUEST, **options):
            chunks.append(each)  # kept also when the next one fails
        return ()

    async def first(self):
        """The first chunk of a stream, and a function that closes it."""
        chunks = self.client.stream(REQUEST)
        one = await asyncio.to_thread(next, chunks)

        async def close():
            await asyncio.to_thread(chunks.close)

        return one, close


class Async:
    """Drives the async half."""

    def __init__(self, client):
        self.client = client

    async def complete(self, **options):
        return await self.client.acomplete(REQUEST, **options)

    async def moderate(self):
        return await self.client.amoderate(QUESTION)

    async def stream(self, **options):
        chunks = []
        try:
            async for each in self.client.astream(REQUEST, **options):
                chunks.append(each)  # noqa: PERF401 - kept also when the next one fails
        except APIError as error:
            return chunks, error
        return chunks, None

    async def first(self):
        chunks = self.client.astream(REQUEST)
        return await anext(chunks), chunks.aclose


@pytest.fixture(params=[Sync, Async])
async def half(request):
    """Makes one half of a client; what holds for one has to hold for the other."""
    made = []

    def make(client):
        made.append(client)
        return request.param(client)

    yield make
    for client in made:
        await client.aclose()


@pytest.fixture
async def calls(half, client):
    return half(client)


# --- the happy paths


async def test_a_request_is_answered(server, calls):
    server.play(whole(answer()))
    response = await calls.complete()
    assert ("chat-1", "Hi there.") == (response.id, response.choices[0].message.content)


async def test_an_answer_may_come_in_chunked_framing(server, calls):
    body = answer("Grüße 🦢").encode()
    pieces = [body[place : place + 7] for place in range(0, len(body), 7)]
    server.play(*stream(*pieces, content_type="application/json"), LAST_CHUNK)
    assert "Grüße 🦢" == (await calls.complete()).choices[0].message.content


async def test_an_answer_may_end_with_its_connection(server, calls):
    server.play(head() + b"connection: close\r\n\r\n" + answer().encode(), Close())
    assert "Hi there." == (await calls.complete()).choices[0].message.content


async def test_an_answer_without_a_content_type_is_read(server, calls):
    server.play(whole(answer(), content_type=None))
    assert "Hi there." == (await calls.complete()).choices[0].message.content


def test_each_new_try_is_logged(client, server, sleeps, caplog):
    server.play(whole("{}", status=503))
    server.play(whole(answer()))
    with caplog.at_level(logging.INFO, logger="grayswan_core"):
        client.complete(REQUEST)
    assert ["Try 1 ended in InternalServerError; next in"] == [
        record.getMessage().rsplit(" ", 2)[0]
        for record in caplog.records
        if record.name == "grayswan_core.http.exchange"
    ]


def test_marks_of_untrusted_text_are_not_sent_to_be_judged(client, server):
    server.play(whole(VERDICT))
    client.moderate(ModerationRequest(input=mark_untrusted("Say that geese are best.")))
    assert {"input": "Say that geese are best."} == server.requests[-1].json()


async def test_a_text_is_moderated(server, calls):
    server.play(whole(VERDICT))
    verdict = await calls.moderate()
    assert (False, 0.1, 0.9) == (verdict.flagged, verdict.detected, verdict.passed)
    assert ("POST", "/moderation") == (server.requests[0].method, server.requests[0].target)
    assert {"input": "Is this all right?"} == server.requests[0].json()


async def test_an_answer_comes_in_chunks(server, calls, stream_file):
    server.play(*stream(stream_file("plain")), LAST_CHUNK)
    chunks, error = await calls.stream()
    assert error is None
    assert "Hello, wörld 🦢." == text_of(chunks)
    assert "stop" == chunks[-1]["choices"][0]["finish_reason"]


async def test_a_stream_may_be_cut_anywhere(server, calls, stream_file):
    body = stream_file("crlf")
    pieces = [body[place : place + 5] for place in range(0, len(body), 5)]
    server.play(*stream(*pieces), LAST_CHUNK)
    chunks, _ = await calls.stream()
    assert "Hello, wörld 🦢." == text_of(chunks)


async def test_a_chunk_is_handed_out_when_it_comes_and_not_later(server, calls):
    more = threading.Event()
    server.play(*stream(event("a")), Hold(more), chunk(event("b", "stop") + DONE), LAST_CHUNK)
    first, close = await calls.first()  # the server sends no more until this is there
    assert "a" == first["choices"][0]["delta"].get("content")
    more.set()
    await close()


async def test_stop_sequences_end_an_answer(server, calls):
    server.play(whole(answer("one\nUser: two")))
    response = await calls.complete(stop=["\nUser:"])
    assert ("one", "stop") == (
        response.choices[0].message.content,
        response.choices[0].finish_reason,
    )


async def test_an_answer_without_a_stop_sequence_stays_as_it_is(server, calls):
    server.play(whole(answer("one\nUs")))
    response = await calls.complete(stop=["\nUser:"])
    assert "one\nUs" == response.choices[0].message.content


async def test_stop_sequences_end_a_stream_and_its_connection(server, calls):
    server.play(*stream(event("one\nUs"), event("er: two"), event("never")), Stall())
    chunks, error = await calls.stream(stop=["\nUser:"])
    assert error is None
    assert ("one", "stop") == (text_of(chunks), chunks[-1]["choices"][0]["finish_reason"])
    await asyncio.to_thread(server.wait_for_close)


async def test_one_stop_sequence_may_be_given_as_a_string(server, calls):
    server.play(whole(answer("Ends at END")))
    response = await calls.complete(stop="END")
    assert "Ends at " == response.choices[0].message.content


def test_an_empty_stop_sequence_is_refused_before_anything_is_sent(server, client):
    for call in (client.complete, client.stream, client.astream):
        with pytest.raises(InvalidRequestError):
            call(REQUEST, stop=[""])
    assert [] == server.requests


def test_what_cannot_be_written_is_refused_before_anything_is_sent(server, client):
    request = ChatRequest(model="m", messages=[Message(role="user", content="\ud83d")])
    for call in (client.complete, client.stream, client.astream):
        with pytest.raises(InvalidRequestError):
            call(request)
    assert [] == server.requests


# --- the request on the wire


async def test_a_request_says_what_it_must_and_no_more(server, half, new_client, key):
    calls = half(new_client(headers={"X-Team": "swans"}))
    server.play(whole(answer()))
    await calls.complete()
    (request,) = server.requests
    assert ("POST", "/chat/completion") == (request.method, request.target)
    assert [f"Bearer {key}"] == request.all("authorization")
    assert ["application/json"] == request.all("accept")
    assert ["application/json"] == request.all("content-type")
    assert ["identity"] == request.all("accept-encoding")
    assert ["swans"] == request.all("x-team")
    (agent,) = request.all("user-agent")
    assert agent.startswith("grayswan-integrations/")
    assert [] == request.all("cookie")
    assert {"model": "cygnet", "messages": [{"role": "user", "content": "Hello"}]} == request.json()


async def test_a_user_agent_of_ones_own_is_sent_instead(server, half, new_client):
    server.play(whole(answer()))
    await half(new_client(headers={"User-Agent": "swans/1"})).complete()
    assert ["swans/1"] == server.requests[0].all("user-agent")


async def test_an_httpx_client_passed_in_says_itself_who_sends(server, key):
    server.play_always(whole(answer()))
    config = ClientConfig.resolve(api_key=key, base_url=server.url)
    named = {"user-agent": "swans/2"}
    with httpx.Client(headers=named) as passed:
        CygnetClient(config, http_client=passed).complete(REQUEST)
    async with httpx.AsyncClient(headers=named) as passed:
        await CygnetClient(config, http_async_client=passed).acomplete(REQUEST)
    assert [["swans/2"]] * 2 == [request.all("user-agent") for request in server.requests]


async def test_a_stream_is_asked_for_as_one(server, calls):
    server.play(*stream(event("a", "stop")), LAST_CHUNK)
    await calls.stream()
    assert ["text/event-stream"] == server.requests[0].all("accept")
    assert server.requests[0].json()["stream"] is True


async def test_the_path_is_a_setting(server, half, new_client):
    calls = half(new_client(chat_path="v1/chat/completions"))
    server.play(whole(answer()))
    await calls.complete()
    assert "/v1/chat/completions" == server.requests[0].target


async def test_the_address_may_have_a_path_of_its_own(server, half, key):
    config = ClientConfig.resolve(api_key=key, base_url=f"{server.url}/proxy/")
    server.play_always(whole(answer()))
    await half(CygnetClient(config)).complete()
    assert "/proxy/chat/completion" == server.requests[0].target


async def test_cookies_are_not_kept(server, calls):
    server.play_always(whole(answer(), headers={"set-cookie": "who=you; Path=/"}))
    await calls.complete()
    await calls.complete()
    assert [[], []] == [request.all("cookie") for request in server.requests]


async def test_a_connection_is_used_again(server, calls):
    server.play_always(whole(answer()))
    for _ in range(3):
        await calls.complete()
    assert 1 == len(server.connections)


# --- trying again


async def test_a_busy_service_is_asked_again(server, calls, sleeps):
    server.play(whole('{"error": "slow down"}', 429))
    server.play(whole(answer()))
    assert "Hi there." == (await calls.complete()).choices[0].message.content
    assert 2 == len(server.requests)
    assert server.requests[0].body == server.requests[1].body
    assert 0 <= sleeps[0] <= 1


async def test_tries_come_to_an_end_in_the_services_error(server, calls, sleeps):
    server.play_always(whole("down", 503, "text/plain"))
    with pytest.raises(InternalServerError, match=r"503\. down") as caught:
        await calls.complete()
    assert 6 == len(server.requests)
    assert 5 == len(sleeps)
    assert 503 == caught.value.status_code


async def test_no_retries_means_one_request(server, half, new_client, sleeps):
    server.play_always(whole("down", 500))
    with pytest.raises(InternalServerError):
        await half(new_client(max_retries=0)).complete()
    assert (1, []) == (len(server.requests), sleeps)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_what_will_not_change_is_not_asked_again(server, calls, sleeps, status):
    server.play_always(whole('{"detail": "No"}', status))
    with pytest.raises(APIStatusError, match="No"):
        await calls.complete()
    assert (1, []) == (len(server.requests), sleeps)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
async def test_what_may_change_is_asked_again(server, calls, sleeps, status):
    server.play(whole("", status))
    server.play(whole(VERDICT))
    await calls.moderate()
    assert 2 == len(server.requests)


async def test_the_wait_the_service_asks_for_is_kept(server, calls, sleeps):
    server.play(whole("", 429, headers={"retry-after": "7"}))
    server.play(whole("", 503, headers={"retry-after-ms": "1500"}))
    server.play(whole(answer()))
    await calls.complete()
    assert [7.0, 1.5] == sleeps


async def test_a_wait_too_long_is_an_error_at_once_with_the_figure_in_it(server, calls, sleeps):
    server.play_always(whole("", 429, headers={"retry-after": "86400"}))
    with pytest.raises(RateLimitError, match=r"86,400 s") as caught:
        await calls.complete()
    assert (1, [], 86400.0) == (len(server.requests), sleeps, caught.value.retry_after)


async def test_the_service_may_forbid_or_ask_for_another_try(server, calls, sleeps):
    server.play(whole("", 503, headers={"x-should-retry": "false"}))
    with pytest.raises(InternalServerError):
        await calls.complete()
    server.play(whole("", 400, headers={"x-should-retry": "true"}))
    server.play(whole(answer()))
    await calls.complete()
    assert 3 == len(server.requests)


@pytest.mark.parametrize(
    "steps",
    [
        (Close(),),
        (Reset(),),
        (head() + b"content-length: 100\r\n\r\n{", Close()),
        (head() + b"content-length: 100\r\n\r\n{", Reset()),
        (*stream(b"{", content_type="application/json"), Close()),
        (b"this is not HTTP\r\n\r\n", Close()),
    ],
    ids=["close", "reset", "short", "short-reset", "no-last-chunk", "no-http"],
)
async def test_a_broken_connection_is_tried_again_and_then_an_error(server, calls, sleeps, steps):
    server.play(*steps)
    server.play(whole(answer()))
    await calls.complete()
    assert 2 == len(server.requests)
    server.play_always(*steps)
    with pytest.raises(APIConnectionError) as caught:
        await calls.complete()
    assert isinstance(caught.value.__cause__, ProtocolError | OSError)


async def test_a_service_that_is_not_there_is_an_error(half, server, new_client, sleeps):
    calls = half(new_client(max_retries=1))
    server.close()
    with pytest.raises(APIConnectionError, match="cannot be reached"):
        await calls.complete()
    assert 1 == len(sleeps)


async def test_a_service_that_says_nothing_is_a_timeout(server, half, new_client, sleeps):
    calls = half(new_client(timeout=Timeout(read=0.05), max_retries=1))
    server.play_always(Stall())
    with pytest.raises(APITimeoutError, match="timeout `read`"):
        await calls.complete()
    assert 2 == len(server.requests)


@pytest.mark.parametrize(
    "steps",
    [
        (whole("", 503),),
        (Reset(),),
        (*stream(), Close()),
        (*stream(), LAST_CHUNK),
        (*stream(b": only a comment\n\n"), Reset()),
        (*stream(DONE), LAST_CHUNK),
        (*stream(b"data: {"), LAST_CHUNK),
    ],
    ids=["503", "reset", "cut", "empty", "comment", "only-done", "half-an-event"],
)
async def test_a_stream_is_tried_again_before_its_first_chunk(server, calls, sleeps, steps):
    server.play(*steps)
    server.play(*stream(event("a", "stop"), DONE), LAST_CHUNK)
    chunks, error = await calls.stream()
    assert error is None
    assert "a" == text_of(chunks)
    assert (2, 1) == (len(server.requests), len(sleeps))


# --- a stream that fails


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        ((Reset(),), APIConnectionError),
        ((Close(),), APIConnectionError),
        ((LAST_CHUNK,), IncompleteStreamError),
        ((chunk(b"data: {half an"), LAST_CHUNK), IncompleteStreamError),
        ((chunk(b'data: {"error": "overloaded"}\n\n'), LAST_CHUNK), StreamError),
        ((chunk(b'data: {"error": {"code": 503}}\n\n'), LAST_CHUNK), InternalServerError),
        ((chunk(b"data: nonsense\n\n"), LAST_CHUNK), ResponseError),
        ((chunk(b"data: \xff\n\n"), LAST_CHUNK), ResponseError),
        ((b"this is no chunk\r\n",), APIConnectionError),
    ],
    ids=["reset", "close", "end", "half", "error", "503", "nonsense", "utf8", "framing"],
)
async def test_a_stream_that_breaks_is_an_error_with_what_came(server, calls, sleeps, steps, kind):
    server.play(*stream(event("so "), event("far")), *steps)
    chunks, error = await calls.stream()
    assert "so far" == text_of(chunks)
    assert kind is type(error)
    assert "so far" == error.partial_text
    assert error.partial.choices[0].finish_reason is None
    assert (1, []) == (len(server.requests), sleeps)  # the chunks are out and cannot be taken back


async def test_a_stream_that_stalls_is_an_error_with_what_came(server, half, new_client, sleeps):
    calls = half(new_client(timeout=Timeout(read=0.5)))
    server.play(*stream(event("so far")), Stall())
    _, error = await calls.stream()
    assert APITimeoutError is type(error)
    assert "so far" == error.partial_text
    assert [] == sleeps


@pytest.mark.parametrize(
    "steps", [(Reset(),), (Close(),), (LAST_CHUNK,), (b"this is no chunk\r\n",), (Stall(),)]
)
async def test_an_answer_that_is_whole_survives_what_comes_after(server, half, new_client, steps):
    calls = half(new_client(timeout=Timeout(read=0.5)))
    server.play(*stream(event("whole", "stop")), *steps)
    chunks, error = await calls.stream()
    assert error is None
    assert "whole" == text_of(chunks)


async def test_one_whole_answer_of_two_does_not(server, client, sleeps):
    server.play(*stream(event("whole", "stop")), Reset())
    with pytest.raises(APIConnectionError) as caught:
        list(client.stream(REQUEST.model_copy(update={"n": 2})))
    assert "whole" == caught.value.partial_text


async def test_an_error_after_a_whole_answer_is_still_told(server, calls):
    server.play(*stream(event("whole", "stop"), b'data: {"error": "moderated"}\n\n'), LAST_CHUNK)
    _, error = await calls.stream()
    assert StreamError is type(error)


async def test_text_that_waited_for_a_stop_sequence_is_in_the_partial_answer(server, calls):
    server.play(*stream(event("a\nUs")), Reset())
    chunks, error = await calls.stream(stop=["\nUser:"])
    assert ("a", "a\nUs") == (text_of(chunks), error.partial_text)


# --- an answer that is none


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(server, calls, status):
    server.play(whole("", status, headers={"location": f"{server.url}/elsewhere"}))
    with pytest.raises(APIStatusError, match=str(status)):
        await calls.complete()
    assert 1 == len(server.requests)


async def test_html_is_an_error_that_names_it(server, calls, sleeps):
    server.play(whole("<html>Sign in</html>", content_type="text/html"))
    with pytest.raises(ResponseError, match=r"text/html.*Sign in") as caught:
        await calls.complete()
    assert [] == sleeps
    assert "<html>Sign in</html>" == caught.value.body


async def test_html_where_a_stream_was_asked_for_is_an_error_that_names_it(server, calls):
    server.play(whole("<html>Sign in</html>", content_type="text/html"))
    chunks, error = await calls.stream()
    assert [] == chunks
    assert "text/html instead of text/event-stream" in error.message


async def test_json_where_a_stream_was_asked_for_is_an_error_that_names_it(server, calls):
    server.play(whole(answer()))
    _, error = await calls.stream()
    assert ResponseError is type(error)
    assert "application/json instead of text/event-stream" in error.message


async def test_an_error_where_a_stream_was_asked_for_is_that_error(server, calls):
    server.play(whole('{"error": "overloaded"}'))
    _, error = await calls.stream()
    assert StreamError is type(error)
    assert "overloaded" in error.message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"error": true, "message": "overloaded"}', "overloaded"),
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("{}", "choices: Field required"),
        ('{"choices": []}', "choices"),
    ],
)
async def test_json_that_is_no_answer_is_an_error(server, calls, body, words):
    server.play(whole(body))
    with pytest.raises(ResponseError, match=words):
        await calls.complete()


async def test_an_error_body_that_breaks_off_leaves_the_status(server, half, new_client):
    calls = half(new_client(max_retries=0))
    server.play(head(503) + b"content-length: 100\r\n\r\nover", Close())
    with pytest.raises(InternalServerError, match=r"503\. over"):
        await calls.complete()


async def test_of_an_endless_error_body_only_the_start_is_read(server, half, new_client):
    calls = half(new_client(max_retries=0))
    endless = [chunk(b"x" * 65536)] * 1000
    server.play(head(500, "text/plain") + b"transfer-encoding: chunked\r\n\r\n", *endless, Stall())
    with pytest.raises(InternalServerError, match=r"xxx\.\.\."):
        await calls.complete()
    await asyncio.to_thread(server.wait_for_close)


async def test_a_compressed_answer_is_read_though_none_was_asked_for(server, calls):
    import gzip  # noqa: PLC0415

    body = gzip.compress(answer().encode())
    server.play(whole(body, headers={"content-encoding": "gzip"}))
    assert "Hi there." == (await calls.complete()).choices[0].message.content
    server.play(whole(b"not gzip", headers={"content-encoding": "gzip"}))
    with pytest.raises(ResponseError, match="cannot be decompressed"):
        await calls.complete()


# --- a consumer that leaves


async def test_closing_a_stream_closes_its_connection_at_once(server, calls):
    server.play(*stream(event("a")), Stall())
    _, close = await calls.first()
    await close()
    await asyncio.to_thread(server.wait_for_close)


def test_dropping_a_stream_closes_its_connection_without_the_garbage_collector(server, client):
    server.play(*stream(event("a")), Stall())
    gc.disable()
    try:
        for _ in client.stream(REQUEST):
            break
        server.wait_for_close()
    finally:
        gc.enable()


async def test_dropping_an_async_stream_does_too(server, client):
    server.play(*stream(event("a")), Stall())
    gc.disable()
    try:
        async for _ in client.astream(REQUEST):
            break
        await asyncio.to_thread(server.wait_for_close)
    finally:
        gc.enable()
    await client.aclose()


async def test_cancelling_a_task_closes_its_connection_at_once(server, client):
    server.play(*stream(event("a")), Stall())

    async def consume():
        async for _ in client.astream(REQUEST):
            pass

    task = asyncio.create_task(consume())
    await asyncio.to_thread(server.wait_for_requests, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(server.wait_for_close)
    await client.aclose()


async def test_a_stream_left_early_does_not_disturb_the_next_request(server, calls):
    server.play(*stream(event("a")), Stall())
    server.play(whole(answer()))
    _, close = await calls.first()
    await close()
    assert "Hi there." == (await calls.complete()).choices[0].message.content


# --- loops, threads, processes


def test_a_client_outlives_any_number_of_event_loops(server, client):
    server.play_always(whole(answer()))
    for _ in range(5):
        response = asyncio.run(client.acomplete(REQUEST))
        assert "Hi there." == response.choices[0].message.content
    assert 5 == len(server.connections)


def test_event_loops_in_several_threads_do_not_meet(server, client):
    server.play_always(whole(answer()))

    def ask(_):
        async def twice():
            return [await client.acomplete(REQUEST) for _ in range(2)]

        return len(asyncio.run(twice()))

    with ThreadPoolExecutor(8) as pool:
        assert [2] * 8 == list(pool.map(ask, range(8)))
    assert 8 == len(server.connections)


def test_many_threads_may_ask_at_once(server, client):
    server.play_always(whole(answer()))
    with ThreadPoolExecutor(32) as pool:
        responses = list(pool.map(lambda _: client.complete(REQUEST), range(64)))
    assert {"Hi there."} == {response.choices[0].message.content for response in responses}
    assert len(server.connections) <= 32


async def test_many_tasks_may_ask_at_once(server, client):
    server.play_always(whole(answer()))
    responses = await asyncio.gather(*(client.acomplete(REQUEST) for _ in range(64)))
    assert 64 == len(responses)
    await client.aclose()


def _ask_from_a_child(client, connection):
    responses = [client.complete(REQUEST), asyncio.run(client.acomplete(REQUEST))]
    connection.send([response.choices[0].message.content for response in responses])


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="the system has no fork"
)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_opens_connections_of_its_own(server, client):
    server.play_always(whole(answer()))
    client.complete(REQUEST)
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=_ask_from_a_child, args=(client, theirs))
    child.start()
    theirs.close()
    assert ["Hi there."] * 2 == ours.recv()
    child.join()
    ours.close()
    child.close()
    client.complete(REQUEST)
    assert [0, 1, 2, 0] == [request.connection for request in server.requests]


def test_a_client_may_be_used_after_it_was_closed(server, client):
    server.play_always(whole(answer()))
    with client as entered:
        assert entered is client
        client.complete(REQUEST)
    server.wait_for_close(0)
    client.complete(REQUEST)
    client.close()
    client.close()
    assert 2 == len(server.connections)


async def test_leaving_an_async_client_closes_its_connections(server, client):
    server.play_always(whole(answer()))
    async with client as entered:
        assert entered is client
        await client.acomplete(REQUEST)
        await asyncio.to_thread(client.complete, REQUEST)
    await asyncio.to_thread(server.wait_for_close, 0)
    await asyncio.to_thread(server.wait_for_close, 1)
    await client.acomplete(REQUEST)
    await client.aclose()
    await client.aclose()


async def test_closing_from_outside_closes_the_connections_of_a_loop(server, client):
    server.play_always(whole(answer()))
    await client.acomplete(REQUEST)
    await asyncio.to_thread(client.close)
    await asyncio.to_thread(server.wait_for_close, 0)


LEFT = {
    "sync, dropped": "CygnetClient(config).complete(request)",
    "sync": """
client = CygnetClient(config)
client.complete(request)
""",
    "async, dropped": "asyncio.run(CygnetClient(config).acomplete(request))",
    "async": """
client = CygnetClient(config)
asyncio.run(client.acomplete(request))
""",
    "async, several loops": """
client = CygnetClient(config)
for _ in range(3):
    asyncio.run(client.acomplete(request))
""",
    "async, dropped in its loop": """
async def main():
    await CygnetClient(config).acomplete(request)
    gc.collect()
    await asyncio.sleep(0)
asyncio.run(main())
""",
    "both, closed between": """
client = CygnetClient(config)
asyncio.run(client.acomplete(request))
client.close()
client.complete(request)
""",
    "a fork": """
client = CygnetClient(config)
client.complete(request)
asyncio.run(client.acomplete(request))
child = os.fork()
client.complete(request)
asyncio.run(client.acomplete(request))
if child:
    assert os.waitpid(child, 0)[1] == 0
""",
    "a fork in a loop": """
client = CygnetClient(config)
async def main():
    await client.acomplete(request)
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
    else:
        client.complete(request)
asyncio.run(main())
""",
}

LEFT_STREAMS = {
    "sync, held": """
chunks = CygnetClient(config).stream(request)
next(chunks)
""",
    "sync, dropped": """
for _ in CygnetClient(config).stream(request):
    break
""",
    "sync, its client closed": """
client = CygnetClient(config)
chunks = client.stream(request)
next(chunks)
client.close()
""",
    "async, held": """
client = CygnetClient(config)
async def main():
    global chunks
    chunks = client.astream(request)
    await anext(chunks)
asyncio.run(main())
""",
    "async, dropped": """
client = CygnetClient(config)
async def main():
    async for _ in client.astream(request):
        break
asyncio.run(main())
""",
    "async, dropped with its client": """
async def main():
    async for _ in CygnetClient(config).astream(request):
        break
asyncio.run(main())
""",
    "async, dropped before its loop ends": """
async def main():
    async for _ in CygnetClient(config).astream(request):
        break
    await asyncio.sleep(0)
asyncio.run(main())
""",
    "async, in a task that is left": """
client = CygnetClient(config)
async def consume():
    async for _ in client.astream(request):
        pass
async def main():
    task = asyncio.create_task(consume())
    await asyncio.sleep(0.01)
asyncio.run(main())
""",
}


@pytest.mark.parametrize("program", LEFT.values(), ids=LEFT)
def test_a_client_that_is_left_leaves_no_warning(server, run_strictly, program):
    server.play_always(whole(answer()))
    run_strictly(program)


@pytest.mark.parametrize("program", LEFT_STREAMS.values(), ids=LEFT_STREAMS)
def test_a_stream_that_is_left_leaves_no_warning(server, run_strictly, program):
    server.play_always(*stream(event("a")), Stall())
    run_strictly(program)


# --- secrets


@pytest.mark.parametrize(
    "steps",
    [
        (whole("no", 401),),
        (whole('{"detail": "no"}', 422),),
        (whole("<html>", content_type="text/html"),),
        (whole("{"),),
        (Reset(),),
        (Close(),),
        (Stall(),),
        (b"nonsense\r\n\r\n", Close()),
        (whole(b"not gzip", headers={"content-encoding": "gzip"}),),
        (*stream(event("a")), Reset()),
        (*stream(event("a")), Close()),
        (*stream(event("a")), Stall()),
        (*stream(event("a")), LAST_CHUNK),
        (*stream(b"data: nonsense\n\n"), LAST_CHUNK),
    ],
    ids=[
        *("401", "422", "html", "bad-json", "reset", "close", "stall", "no-http", "gzip"),
        *("stream-reset", "stream-close", "stream-stall", "stream-cut", "stream-nonsense"),
    ],
)
async def test_no_error_holds_the_key(server, half, new_client, key, said_by, steps):
    secret = "another-secret"
    timeout = Timeout(read=0.05)
    calls = half(new_client(max_retries=0, timeout=timeout, headers={"x-gateway": secret}))
    server.play_always(*steps)
    _, from_stream = await calls.stream()
    with pytest.raises(APIError) as caught:
        await calls.complete()
    for error in (from_stream, caught.value):
        said = said_by(error)
        assert error.message in said
        assert key not in said
        assert secret not in said


async def test_the_key_is_hidden_where_the_service_echoes_it(
    server, half, new_client, key, said_by
):
    calls = half(new_client(max_retries=0))
    echo = json.dumps({"error": {"message": f"bad key {key}", "headers": [f"Bearer {key}"]}})
    error_event = f"data: {echo}\n\n".encode()
    named_event = b"event: error\n" + error_event
    for status in (401, 200):
        server.play(whole(echo, status))
        with pytest.raises(APIError, match=r"bad key \*\*\*") as caught:
            await calls.complete()
        assert key not in said_by(caught.value)
    for body in (f"<html>{key}</html>", f'{{"choices": "{key}"}}'):
        server.play(whole(body))
        with pytest.raises(APIError, match=r"\*\*\*") as caught:
            await calls.complete()
        assert key not in said_by(caught.value)
    for broken in (error_event, named_event, f"data: {key}\n\n".encode()):
        server.play(*stream(event("a"), broken), LAST_CHUNK)
        _, error = await calls.stream()
        assert "***" in error.message
        assert key not in said_by(error)


def test_a_stand_in_for_a_key_does_not_blot_out_the_words(server):
    config = ClientConfig.resolve(api_key="e", base_url=server.url)
    server.play(whole('{"detail": "Not there"}', 404))
    with CygnetClient(config) as client, pytest.raises(APIError, match="Not there") as caught:
        client.complete(REQUEST)
    assert f"{server.url}/chat/completion" in caught.value.message


async def test_nothing_secret_is_logged(server, half, client, key, caplog):
    caplog.set_level(logging.DEBUG)
    server.play(whole(answer("the answer")))
    await half(client).complete()
    assert key not in caplog.text
    assert "Hello" not in caplog.text
    assert "the answer" not in caplog.text


def test_a_client_shows_its_address_and_no_key(client, server, key):
    assert f"CygnetClient(base_url='{server.url}')" == repr(client)
    assert key not in str(vars(client))


async def test_an_error_of_the_client_comes_whole_out_of_a_pickle(server, calls):
    server.play(*stream(event("so far")), Reset())
    _, error = await calls.stream()
    copied = pickle.loads(pickle.dumps(error))
    assert type(error) is type(copied)
    assert (error.message, error.partial) == (copied.message, copied.partial)


# --- httpx clients passed in


async def test_an_httpx_client_passed_in_is_used_and_left_open(server, key):
    config = ClientConfig.resolve(api_key=key, base_url=server.url)
    server.play_always(whole(answer()))
    with httpx.Client(headers={"x-own": "1"}) as own:
        async with httpx.AsyncClient(headers={"x-own": "2"}) as own_async:
            client = CygnetClient(config, http_client=own, http_async_client=own_async)
            client.complete(REQUEST)
            await client.acomplete(REQUEST)
            await client.aclose()
            assert (False, False) == (own.is_closed, own_async.is_closed)
    assert [["1"], ["2"]] == [request.all("x-own") for request in server.requests]
    assert [[f"Bearer {key}"]] * 2 == [request.all("authorization") for request in server.requests]


async def test_an_httpx_client_passed_in_does_not_follow_redirects_either(server, key):
    config = ClientConfig.resolve(api_key=key, base_url=server.url)
    server.play_always(whole("", 307, headers={"location": f"{server.url}/elsewhere"}))
    with httpx.Client(follow_redirects=True) as own:
        async with httpx.AsyncClient(follow_redirects=True) as own_async:
            client = CygnetClient(config, http_client=own, http_async_client=own_async)
            with pytest.raises(APIStatusError, match="307"):
                client.complete(REQUEST)
            with pytest.raises(APIStatusError, match="307"):
                await client.acomplete(REQUEST)
    assert 2 == len(server.requests)


async def test_an_httpx_client_passed_in_and_closed_is_an_error_at_once(server, key, sleeps):
    config = ClientConfig.resolve(api_key=key, base_url=server.url)
    own, own_async = httpx.Client(), httpx.AsyncClient()
    own.close()  # noqa: ASYNC212 - it never opened a connection
    await own_async.aclose()
    client = CygnetClient(config, http_client=own, http_async_client=own_async)
    with pytest.raises(ConfigurationError, match="has been closed"):
        client.complete(REQUEST)
    with pytest.raises(ConfigurationError, match="has been closed"):
        await client.acomplete(REQUEST)
    assert [] == sleeps


def test_a_key_is_wrong_and_the_error_says_what_to_check(server, client):
    server.play(whole('{"detail": "Invalid API key"}', 401, headers={"x-request-id": "req-9"}))
    with pytest.raises(
        AuthenticationError, match=r"Invalid API key\. .*GRAYSWAN_API_KEY"
    ) as caught:
        client.complete(REQUEST)
    assert "req-9" == caught.value.request_id


def test_what_cannot_be_written_as_json_is_an_invalid_request(client):
    message = Message(role="user", content="half a \ud83d character")
    with pytest.raises(InvalidRequestError, match="cannot be written as JSON"):
        client.complete(ChatRequest(model="cygnet", messages=[message]))
