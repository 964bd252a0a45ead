"""The conformance suite on `GraySwan`, and each of its checks on a model that should fail it."""

from __future__ import annotations

import asyncio
import inspect
import threading
from typing import ClassVar

import pytest
from conformance import STREAMS, LLMConformance, instrumentation_events
from llama_index.core.llms import ChatMessage, CompletionResponse

from llama_index_grayswan import GraySwan

KEY = "not-a-real-key-0123456789"


@pytest.fixture
def make(grayswan_server, monkeypatch):
    """Makes models of a class."""
    # Where a deserialized model finds its key again.
    monkeypatch.setenv("GRAYSWAN_API_KEY", KEY)
    return lambda cls, **settings: cls(base_url=grayswan_server.url, **settings)


class TestGraySwan(LLMConformance):
    secret = KEY
    settings: ClassVar = {
        "model": "cygnet-v0.2",
        "temperature": 0.5,
        "stop": ["END"],
        "timeout": 7.0,
    }

    @pytest.fixture
    def make_llm(self, make):
        return lambda **settings: make(GraySwan, **settings)


# --- broken models ------------------------------------------------------------------------------


def changing(change):
    """A model whose responses go through a function."""

    class Changed(GraySwan):
        def _chat(self, messages, **kwargs):
            return change(super()._chat(messages, **kwargs))

        async def _achat(self, messages, **kwargs):
            return change(await super()._achat(messages, **kwargs))

        def _stream_chat(self, messages, **kwargs):
            return map(change, super()._stream_chat(messages, **kwargs))

    return Changed


def without_text(response):
    response.message.blocks = []
    return response


def as_the_user(response):
    response.message.role = "user"
    return response


def with_raw(raw):
    def change(response):
        response.raw = raw
        return response

    return changing(change)


def with_the_delta_alone(response):
    response.message = ChatMessage(response.delta, role="assistant")
    return response


def without_mirrored_calls(response):
    response.message.additional_kwargs = {}
    return response


class Inherited(GraySwan):
    """Has its parent's class name."""


class WithoutWindow(GraySwan):
    @property
    def metadata(self):
        return super().metadata.model_copy(update={"context_window": 0})


class Leaking(GraySwan):
    def to_payload(self):
        return {"api_key": KEY}

    def __repr__(self):
        return KEY


class WithoutCallbacks(GraySwan):
    def chat(self, messages, **kwargs):
        return self._chat(messages, **kwargs)

    def stream_chat(self, messages, **kwargs):
        return self._stream_chat(messages, **kwargs)

    async def astream_chat(self, messages, **kwargs):
        return await self._astream_chat(messages, **kwargs)


class OfOneKind(GraySwan):
    def chat(self, messages, **kwargs):
        return CompletionResponse(text="Hello!")


class AtOnceOnly(GraySwan):
    async def _achat(self, messages, **kwargs):
        running.append(self)
        try:
            await asyncio.sleep(0)
            assert len(running) == 1
            return await super()._achat(messages, **kwargs)
        finally:
            running.remove(self)


running: list[GraySwan] = []


class OfOneThread(GraySwan):
    def _chat(self, messages, **kwargs):
        assert threading.current_thread() is threading.main_thread()
        return super()._chat(messages, **kwargs)


class OfOneLoop(GraySwan):
    async def _achat(self, messages, **kwargs):
        loops.add(asyncio.get_running_loop())
        assert len(loops) == 1
        return await super()._achat(messages, **kwargs)


loops: set[asyncio.AbstractEventLoop] = set()


class Writing(GraySwan):
    """Writes into what it is given."""

    def chat(self, messages, **kwargs):
        messages.append(ChatMessage("mine"))
        return super().chat(messages, **kwargs)

    def _prepare_chat_with_tools(self, tools, user_msg=None, chat_history=None, **kwargs):
        chat_history = [] if chat_history is None else chat_history
        chat_history.append(ChatMessage(str(user_msg)))
        return super()._prepare_chat_with_tools(tools, chat_history=chat_history, **kwargs)


class Silent(GraySwan):
    def predict(self, prompt, **kwargs):
        return ""


class Forgetful(GraySwan):
    def to_dict(self, **kwargs):
        return {key: each for key, each in super().to_dict(**kwargs).items() if key != "stop"}


class Single(GraySwan):
    """Neither copies nor pickles of it work."""

    def __copy__(self):
        raise TypeError

    def __reduce_ex__(self, protocol):
        raise TypeError


class WithoutTools(GraySwan):
    def _prepare_chat_with_tools(self, tools, user_msg=None, chat_history=None, **kwargs):
        history = [*(chat_history or ()), ChatMessage(str(user_msg))]
        return {"messages": history}


class Lenient(GraySwan):
    def get_tool_calls_from_response(self, response, error_on_no_tool_call=True, **kwargs):
        return super().get_tool_calls_from_response(response, error_on_no_tool_call=False)


class Strict(GraySwan):
    def _prepare_chat_with_tools(self, tools, user_msg=None, chat_history=None):
        return super()._prepare_chat_with_tools(tools, user_msg, chat_history)


BROKEN = {
    "test_is_an_llm": ChatMessage,
    "test_class_name_is_its_own": Inherited,
    "test_metadata_has_what_helpers_need": WithoutWindow,
    "test_payload_for_observers_is_json": Leaking,
    "test_answers": changing(without_text),
    "test_gives_the_right_type": OfOneKind,
    "test_answers_as_the_assistant": changing(as_the_user),
    "test_streams_are_generators": changing(lambda response: response),
    "test_streamed_text_is_cumulative": changing(with_the_delta_alone),
    "test_raw_is_a_plain_dict": with_raw(("usage",)),
    "test_raw_has_usage": with_raw({"usage": None}),
    "test_responses_can_be_serialized": with_raw({"usage": None, "it": object()}),
    "test_several_at_once": AtOnceOnly,
    "test_threads": OfOneThread,
    "test_one_model_in_several_event_loops": OfOneLoop,
    "test_messages_are_left_as_they_are": Writing,
    "test_callbacks_get_start_and_end": WithoutCallbacks,
    "test_events_are_sent_at_start_progress_and_end": WithoutCallbacks,
    "test_closing_a_stream_early_sends_an_exception_event": WithoutCallbacks,
    "test_closing_an_async_stream_early_sends_an_exception_event": WithoutCallbacks,
    "test_tokens_are_counted": WithoutCallbacks,
    "test_prompts_of_every_kind": Silent,
    "test_is_the_same_after_to_dict_and_from_dict": Forgetful,
    "test_dumps_hold_no_secret": Leaking,
    "test_copies_answer": Single,
    "test_unpickled_models_answer": Single,
    "test_calls_the_tool_that_it_must_call": WithoutTools,
    "test_streams_a_tool_call": WithoutTools,
    "test_streamed_calls_are_mirrored_as_plain_dicts": changing(without_mirrored_calls),
    "test_no_call_is_no_error_unless_asked": Lenient,
    "test_takes_what_core_passes": Strict,
    "test_the_history_is_left_as_it_is": Writing,
    "test_a_message_as_question_is_kept": Writing,
    "test_predicts_and_calls": WithoutTools,
    "test_gives_objects": WithoutTools,
    "test_streams_objects": WithoutTools,
    "test_becomes_a_structured_llm": WithoutTools,
}

# Parameters with which a broken model fails, where it is not the first ones.
PARAMETERS = {
    "test_several_at_once": {"path": "achat"},
    "test_streamed_text_is_cumulative": {"path": STREAMS[0]},
    "test_takes_what_core_passes": {"given": {"tool_choice": None}},
}

CHECKS = {name: check for name, check in vars(LLMConformance).items() if name.startswith("test_")}


def run(name, make_llm):
    """One check of the suite, with its first parameters."""
    check, suite = CHECKS[name], TestGraySwan()
    given = {}
    for mark in getattr(check, "pytestmark", ()):
        if mark.name == "parametrize":
            names, (first, *_) = mark.args
            names = [names] if isinstance(names, str) else names
            values = getattr(first, "values", first)
            given.update(zip(names, values if len(names) > 1 else [values], strict=True))
    given.update(PARAMETERS.get(name, {}))
    with instrumentation_events() as seen:
        fixtures = {"make_llm": make_llm, "llm": make_llm(), "seen": seen}
        wanted = inspect.signature(check).parameters
        given.update((each, value) for each, value in fixtures.items() if each in wanted)
        found = check(suite, **given)
        if inspect.isawaitable(found):
            asyncio.run(found)


def test_every_check_has_a_model_that_should_fail_it():
    assert BROKEN.keys() == CHECKS.keys()


@pytest.mark.filterwarnings("ignore:The `json` method is deprecated")  # used by core itself
@pytest.mark.parametrize("name", CHECKS)
def test_every_check_can_fail(name, make):
    running.clear()
    loops.clear()

    def broken(**settings):
        return ChatMessage() if BROKEN[name] is ChatMessage else make(BROKEN[name], **settings)

    run(name, lambda **settings: make(GraySwan, **settings))
    with pytest.raises((Exception, pytest.fail.Exception)):
        run(name, broken)
