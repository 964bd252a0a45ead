"""What LlamaIndex expects of a function-calling LLM, as tests that any integration can run.

Subclass `LLMConformance` and give it a factory:

```python
class TestMyLLM(LLMConformance):
    secret = "my-key"

    @pytest.fixture
    def make_llm(self):
        return lambda **settings: MyLLM(api_key=self.secret, **settings)
```

The tests use LlamaIndex's public methods alone, and expect no particular words of the model: that
it answers a greeting, calls the one tool it must call, and fills an object in. So they run against
a real API as well.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing, contextmanager
from enum import Enum
from typing import ClassVar, Generic, Literal, TypeVar

import pytest
from llama_index.core.base.llms.base import BaseLLM
from llama_index.core.callbacks import CallbackManager, CBEventType, TokenCountingHandler
from llama_index.core.callbacks.base_handler import BaseCallbackHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events.exception import ExceptionEvent
from llama_index.core.instrumentation.events.llm import (
    LLMChatEndEvent,
    LLMChatInProgressEvent,
    LLMChatStartEvent,
    LLMCompletionEndEvent,
    LLMCompletionInProgressEvent,
    LLMCompletionStartEvent,
)
from llama_index.core.llms import ChatMessage, ChatResponse, CompletionResponse, MessageRole
from llama_index.core.prompts import PromptTemplate
from llama_index.core.schema import BaseComponent
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

__all__ = ["LLMConformance", "instrumentation_events"]

GREETING = "Hello"
CHAT_PATHS = ("chat", "achat", "stream_chat", "astream_chat")
COMPLETE_PATHS = ("complete", "acomplete", "stream_complete", "astream_complete")
PATHS = CHAT_PATHS + COMPLETE_PATHS
STREAMS = tuple(path for path in PATHS if "stream" in path)

T = TypeVar("T")


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Street(BaseModel):
    """Where a house stands."""

    name: str
    number: int


class Flat(BaseModel):
    """One number."""

    amount: int


class Nested(BaseModel):
    """A person and where she lives."""

    person: str
    street: Street


class Maybe(BaseModel):
    """A name, and perhaps a nickname."""

    name: str
    nickname: str | None = None


class Choosing(BaseModel):
    """A colour and a size."""

    colour: Colour
    size: Literal["small", "large"]


class Many(BaseModel):
    """A list of numbers."""

    numbers: list[int]


class Box(BaseModel, Generic[T]):
    """Holds one thing."""

    content: T


OBJECTS = (
    pytest.param(Flat, "The amount is 5.", id="flat"),
    pytest.param(Nested, "The person is Ann, of street Hill Road, number 5.", id="nested"),
    pytest.param(Maybe, "The name is Ann.", id="optional"),
    pytest.param(Choosing, "The colour is red and the size is small.", id="enum-and-literal"),
    pytest.param(Many, "The numbers are 3, 5 and 8.", id="list"),
    pytest.param(Box[int], "The content is 5.", id="generic"),
)


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


ADD = FunctionTool.from_defaults(add)
SUM = "What is 2 + 3?"


async def responses(llm, path, *, asked=GREETING, **kwargs):
    """Everything that one of the eight methods gives, as a list."""
    what = [ChatMessage(asked)] if path in CHAT_PATHS else asked
    found = getattr(llm, path)(what, **kwargs)
    if inspect.isawaitable(found):
        found = await found
    if inspect.isasyncgen(found):
        return [response async for response in found]
    return list(found) if inspect.isgenerator(found) else [found]


def text_of(response):
    return response.message.content if isinstance(response, ChatResponse) else response.text


class _Callbacks(BaseCallbackHandler):
    """Remembers the events of LLM calls."""

    def __init__(self):
        super().__init__([], [])
        self.started = []
        self.ended = []

    def on_event_start(self, event_type, payload=None, event_id="", parent_id="", **kwargs):
        if event_type == CBEventType.LLM:
            self.started.append(payload)
        return event_id

    def on_event_end(self, event_type, payload=None, event_id="", **kwargs):
        if event_type == CBEventType.LLM:
            self.ended.append(payload)

    def start_trace(self, trace_id=None):
        pass

    def end_trace(self, trace_id=None, trace_map=None):
        pass


@contextmanager
def instrumentation_events():
    """The instrumentation events that are sent within the block, as a list."""
    found = []

    class Handler(BaseEventHandler):
        def handle(self, event, **kwargs):
            found.append(event)

    dispatcher = get_dispatcher()
    handlers = list(dispatcher.event_handlers)
    dispatcher.add_event_handler(Handler())
    try:
        yield found
    finally:
        dispatcher.event_handlers = handlers


class LLMConformance:
    """The tests. What a subclass may say of its model stands here."""

    secret: ClassVar[str] = ""
    """A text that no dump may hold: the key given to the models."""

    settings: ClassVar[dict[str, object]] = {}
    """Settings that a serialized model is to keep."""

    @pytest.fixture
    def make_llm(self):
        """The factory: takes a model's settings."""
        raise NotImplementedError("A subclass gives the factory.")

    @pytest.fixture
    def llm(self, make_llm):
        return make_llm()

    @pytest.fixture
    def seen(self):
        """The instrumentation events of this test."""
        with instrumentation_events() as found:
            yield found

    # --- the class and its metadata ---------------------------------------------------------

    def test_is_an_llm(self, llm):
        assert "BaseLLM" in [cls.__name__ for cls in type(llm).__mro__]
        assert isinstance(llm, BaseLLM)
        assert isinstance(llm, BaseComponent)

    def test_class_name_is_its_own(self, llm):
        names = [base.class_name() for base in type(llm).__mro__[1:] if hasattr(base, "class_name")]
        assert llm.class_name() not in names

    def test_metadata_has_what_helpers_need(self, llm):
        metadata = llm.metadata
        assert metadata.context_window > 0
        assert metadata.num_output != 0
        assert metadata.is_function_calling_model
        assert isinstance(metadata.system_role, MessageRole)

    def test_payload_for_observers_is_json(self, llm):
        # LlamaIndex shows observers all of the model before it has this method.
        payload = json.dumps(getattr(llm, "to_payload", llm.to_dict)(), default=str)
        assert self.secret
        assert self.secret not in payload

    # --- the eight methods ------------------------------------------------------------------

    @pytest.mark.parametrize("path", PATHS)
    async def test_answers(self, llm, path):
        found = await responses(llm, path)
        assert found
        assert text_of(found[-1])

    @pytest.mark.parametrize("path", PATHS)
    async def test_gives_the_right_type(self, llm, path):
        kind = ChatResponse if path in CHAT_PATHS else CompletionResponse
        assert all(isinstance(response, kind) for response in await responses(llm, path))

    @pytest.mark.parametrize("path", CHAT_PATHS)
    async def test_answers_as_the_assistant(self, llm, path):
        found = await responses(llm, path)
        assert {response.message.role for response in found} == {MessageRole.ASSISTANT}

    @pytest.mark.parametrize("path", STREAMS)
    async def test_streams_are_generators(self, llm, path):
        what = [ChatMessage(GREETING)] if path in CHAT_PATHS else GREETING
        found = getattr(llm, path)(what)
        if inspect.isawaitable(found):
            found = await found
            assert inspect.isasyncgen(found)
            await found.aclose()
        else:
            assert inspect.isgenerator(found)
            found.close()

    @pytest.mark.parametrize("path", STREAMS)
    async def test_streamed_text_is_cumulative(self, llm, path):
        so_far = ""
        for response in await responses(llm, path):
            so_far += response.delta or ""
            assert text_of(response) == so_far

    @pytest.mark.parametrize("path", PATHS)
    async def test_raw_is_a_plain_dict(self, llm, path):
        for response in await responses(llm, path):
            assert type(response.raw) is dict

    @pytest.mark.parametrize("path", PATHS)
    async def test_raw_has_usage(self, llm, path):
        usage = (await responses(llm, path))[-1].raw["usage"]
        assert usage["prompt_tokens"] > 0
        assert usage["completion_tokens"] > 0

    @pytest.mark.parametrize("path", PATHS)
    async def test_responses_can_be_serialized(self, llm, path):
        for response in await responses(llm, path):
            assert type(response).model_validate_json(response.model_dump_json())

    @pytest.mark.parametrize("path", PATHS)
    async def test_several_at_once(self, llm, path):
        found = await asyncio.gather(*(responses(llm, path) for _ in range(4)))
        assert all(text_of(each[-1]) for each in found)

    def test_threads(self, llm):
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: llm.complete(GREETING).text, range(8)))
        assert all(found)

    def test_one_model_in_several_event_loops(self, llm):
        for _ in range(3):
            (found,) = asyncio.run(responses(llm, "achat"))
            assert text_of(found)

    def test_messages_are_left_as_they_are(self, llm):
        messages = [ChatMessage("Be brief.", role="system"), ChatMessage(GREETING)]
        before = copy.deepcopy(messages)
        llm.chat(messages)
        list(llm.stream_chat(messages))
        assert messages == before

    # --- callbacks, events, counts ----------------------------------------------------------

    @pytest.mark.parametrize("path", PATHS)
    async def test_callbacks_get_start_and_end(self, make_llm, path):
        handler = _Callbacks()
        await responses(make_llm(callback_manager=CallbackManager([handler])), path)
        assert len(handler.started) == 1
        assert len(handler.ended) == 1
        assert handler.ended[0].get("response") or handler.ended[0].get("completion")

    @pytest.mark.parametrize("path", PATHS)
    async def test_events_are_sent_at_start_progress_and_end(self, llm, seen, path):
        found = await responses(llm, path)
        chat = path in CHAT_PATHS
        started, going, ended = (
            (LLMChatStartEvent, LLMChatInProgressEvent, LLMChatEndEvent)
            if chat
            else (LLMCompletionStartEvent, LLMCompletionInProgressEvent, LLMCompletionEndEvent)
        )
        kinds = [type(event) for event in seen]
        assert kinds.count(started) == 1
        assert kinds.count(going) == (len(found) if path in STREAMS else 0)
        assert kinds.count(ended) == 1
        end = next(event for event in seen if type(event) is ended)
        assert text_of(end.response) == text_of(found[-1])

    def test_closing_a_stream_early_sends_an_exception_event(self, llm, seen):
        with closing(llm.stream_chat([ChatMessage(GREETING)])) as stream:
            next(stream)
        assert [type(event) for event in seen].count(ExceptionEvent) == 1
        assert text_of(llm.chat([ChatMessage(GREETING)]))

    async def test_closing_an_async_stream_early_sends_an_exception_event(self, llm, seen):
        async with aclosing(await llm.astream_chat([ChatMessage(GREETING)])) as stream:
            await anext(stream)
        assert [type(event) for event in seen].count(ExceptionEvent) == 1
        assert text_of(await llm.achat([ChatMessage(GREETING)]))

    @pytest.mark.parametrize("path", PATHS)
    async def test_tokens_are_counted(self, make_llm, path):
        counter = TokenCountingHandler(tokenizer=str.split)
        await responses(make_llm(callback_manager=CallbackManager([counter])), path)
        assert counter.prompt_llm_token_count > 0
        assert counter.completion_llm_token_count > 0

    # --- prompts ----------------------------------------------------------------------------

    async def test_prompts_of_every_kind(self, llm):
        prompt = PromptTemplate("{greeting}")
        assert llm.predict(prompt, greeting=GREETING)
        assert await llm.apredict(prompt, greeting=GREETING)
        assert "".join(llm.stream(prompt, greeting=GREETING))
        parts = [part async for part in await llm.astream(prompt, greeting=GREETING)]
        assert "".join(parts)

    # --- serialized, copied ---------------------------------------------------------------

    def test_is_the_same_after_to_dict_and_from_dict(self, make_llm):
        llm = make_llm(**self.settings)
        data = llm.to_dict()
        again = type(llm).from_dict(data)
        assert again.to_dict() == data
        assert {name: getattr(again, name) for name in self.settings} == self.settings

    def test_dumps_hold_no_secret(self, llm):
        assert self.secret
        assert self.secret not in json.dumps(llm.to_dict(), default=str)
        assert self.secret not in repr(llm)
        assert self.secret not in str(llm)
        assert self.secret.encode() not in pickle.dumps(llm)

    @pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda x: x.model_copy()])
    def test_copies_answer(self, llm, copied):
        llm.complete(GREETING)
        assert copied(llm).complete(GREETING).text

    def test_unpickled_models_answer(self, llm):
        llm.complete(GREETING)
        again = pickle.loads(pickle.dumps(llm))
        assert again.complete(GREETING).text
        assert asyncio.run(responses(again, "achat"))

    # --- tools ------------------------------------------------------------------------------

    async def test_calls_the_tool_that_it_must_call(self, llm):
        response = llm.chat_with_tools([ADD], SUM, tool_required=True)
        (call,) = llm.get_tool_calls_from_response(response)
        assert call.tool_name == "add"
        assert set(call.tool_kwargs) == {"a", "b"}
        assert call.tool_id
        response = await llm.achat_with_tools([ADD], SUM, tool_required=True)
        assert llm.get_tool_calls_from_response(response)[0].tool_name == "add"

    async def test_streams_a_tool_call(self, llm):
        for response in llm.stream_chat_with_tools([ADD], SUM, tool_required=True):
            llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)
        (call,) = llm.get_tool_calls_from_response(response)
        assert set(call.tool_kwargs) == {"a", "b"}
        stream = await llm.astream_chat_with_tools([ADD], SUM, tool_required=True)
        last = [response async for response in stream][-1]
        assert llm.get_tool_calls_from_response(last)[0].tool_kwargs == call.tool_kwargs

    def test_streamed_calls_are_mirrored_as_plain_dicts(self, llm):
        *_, last = llm.stream_chat_with_tools([ADD], SUM, tool_required=True)
        mirror = last.message.additional_kwargs["tool_calls"]
        assert json.loads(json.dumps(mirror)) == mirror
        assert [type(call) for call in mirror] == [dict]

    def test_no_call_is_no_error_unless_asked(self, llm):
        response = llm.chat([ChatMessage(GREETING)])
        assert llm.get_tool_calls_from_response(response, error_on_no_tool_call=False) == []
        with pytest.raises(Exception, match=r"(?i)tool"):
            llm.get_tool_calls_from_response(response, error_on_no_tool_call=True)

    @pytest.mark.parametrize(
        "given",
        [
            {},
            {"tool_choice": None},
            {"tool_choice": None, "tool_required": True, "verbose": False},
            {"tool_choice": "auto"},
            {"tool_choice": "add"},
            {"allow_parallel_tool_calls": True},
        ],
        ids=str,
    )
    def test_takes_what_core_passes(self, llm, given):
        assert llm.chat_with_tools([ADD], SUM, **given)

    def test_the_history_is_left_as_it_is(self, llm):
        history = [ChatMessage(GREETING), ChatMessage("Hello!", role="assistant")]
        before = copy.deepcopy(history)
        llm.chat_with_tools([ADD], SUM, chat_history=history)
        list(llm.stream_chat_with_tools([ADD], ChatMessage(SUM), chat_history=history))
        assert history == before

    def test_a_message_as_question_is_kept(self, llm):
        asked = ChatMessage(SUM, additional_kwargs={"kept": True})
        prepared = llm._prepare_chat_with_tools([ADD], user_msg=asked)
        assert prepared["messages"][-1] == asked

    async def test_predicts_and_calls(self, llm):
        assert llm.predict_and_call([ADD], SUM).sources[0].raw_output == 5
        assert (await llm.apredict_and_call([ADD], SUM)).sources[0].raw_output == 5

    # --- structured output ------------------------------------------------------------------

    @pytest.mark.parametrize(("kind", "said"), OBJECTS)
    async def test_gives_objects(self, llm, kind, said):
        prompt = PromptTemplate("{said}")
        assert type(llm.structured_predict(kind, prompt, said=said)) is kind
        assert type(await llm.astructured_predict(kind, prompt, said=said)) is kind

    @pytest.mark.parametrize(("kind", "said"), OBJECTS)
    async def test_streams_objects(self, llm, kind, said):
        prompt = PromptTemplate("{said}")
        *_, last = llm.stream_structured_predict(kind, prompt, said=said)
        assert type(last) is kind
        stream = await llm.astream_structured_predict(kind, prompt, said=said)
        assert [each async for each in stream][-1] == last

    @pytest.mark.filterwarnings("ignore:The `json` method is deprecated")  # used by core itself
    async def test_becomes_a_structured_llm(self, llm):
        structured = llm.as_structured_llm(Flat)
        asked = [ChatMessage("The amount is 5.")]
        assert type(structured.chat(asked).raw) is Flat
        assert type((await structured.achat(asked)).raw) is Flat
        assert type(structured.complete("The amount is 5.").raw) is Flat
        *_, last = structured.stream_chat(asked)
        assert type(last.raw) is Flat
        stream = await structured.astream_chat(asked)
        assert type([each async for each in stream][-1].raw) is Flat
