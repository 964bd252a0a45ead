"""LlamaIndex's LLMs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from functools import cache
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent
from llama_index.core.instrumentation.events.llm import LLMChatEndEvent
from llama_index.core.llms import LLM
from llama_index_instrumentation import get_dispatcher
from pydantic import BaseModel

from grayswan_batch.errors import InputError, StructuredOutputError
from grayswan_batch.models.answer import Answer, Usage, plain
from grayswan_batch.models.describe import describe
from grayswan_batch.prompts import Message

__all__ = ["adapted"]


def adapted(model: LLM, schema: Any) -> _LlamaIndexModel:
    """An LLM as a run asks it.

    Raises:
        InputError: the schema is no pydantic class.
    """
    if schema is None:
        return _LlamaIndexModel(model, model, structured=False)
    if not (isinstance(schema, type) and issubclass(schema, BaseModel)):
        raise InputError("With a LlamaIndex LLM, schema= is a pydantic class.")
    _watch_calls()
    return _LlamaIndexModel(model, model.as_structured_llm(schema), structured=True)


class _LlamaIndexModel:
    takes_rows = False

    def __init__(self, model: LLM, asked: LLM, *, structured: bool) -> None:
        self._model = model
        self._asked = asked
        self._structured = structured

    async def ask(self, prompt: Any) -> Answer:
        messages = _messages(prompt)
        if not self._structured:
            response = await self._asked.achat(messages)
            return _answer(str(response.message.content or ""), [response])
        calls: list[ChatResponse] = []
        token = _calls.set(calls)
        try:
            response = await self._asked.achat(messages)
        finally:
            _calls.reset(token)
        if not isinstance(response.raw, BaseModel):
            text = str(response.message.content or "")
            raise StructuredOutputError("The answer does not fit the schema.", text)
        return _answer(plain(response.raw), [each for each in calls if each is not response])

    def describe(self) -> Any:
        return describe(self._model)


# A structured LLM keeps nothing of the calls it makes, but LlamaIndex tells of each.
_calls: ContextVar[list[ChatResponse] | None] = ContextVar("batch_calls", default=None)


class _Watcher(BaseEventHandler):
    def handle(self, event: BaseEvent, **kwargs: Any) -> None:
        calls = _calls.get()
        if calls is not None and isinstance(event, LLMChatEndEvent) and event.response is not None:
            calls.append(event.response)


@cache
def _watch_calls() -> None:
    get_dispatcher().add_event_handler(_Watcher())


def _messages(prompt: Any) -> list[ChatMessage]:
    if isinstance(prompt, str):
        return [ChatMessage(role=MessageRole.USER, content=prompt)]
    if isinstance(prompt, ChatMessage):
        return [prompt]
    if isinstance(prompt, Sequence):
        return [_message(each) for each in prompt]
    raise InputError(
        f"A LlamaIndex LLM is asked a string or messages, not {type(prompt).__name__}."
    )


def _message(message: Any) -> ChatMessage:
    if isinstance(message, ChatMessage):
        return message
    if not isinstance(message, Message):
        raise InputError(f"A message is a ChatMessage, not {type(message).__name__}.")
    if message.role == "data":
        raise InputError(
            "LlamaIndex has no role 'data'. Make the messages in a function, and the untrusted ones"
            " with llama_index_grayswan.data_message."
        )
    return ChatMessage(role=MessageRole(message.role), content=message.text)


def _answer(value: Any, responses: Sequence[ChatResponse]) -> Answer:
    usage = Usage()
    for each in responses:
        counts = _counts(each)
        usage.add(
            counts.get("prompt_tokens", counts.get("input_tokens")),
            counts.get("completion_tokens", counts.get("output_tokens")),
        )
    if not responses:
        return Answer(value, usage)
    last = responses[-1]
    calls = last.message.additional_kwargs.get("tool_calls") if isinstance(value, str) else None
    more = {"tool_calls": plain(calls)} if calls else {}
    return Answer(value, usage, _finish_reason(last), _request_id(last), more)


def _counts(response: ChatResponse) -> Mapping[str, Any]:
    """Token counts, where integrations leave them: beside the answer, or in the raw one."""
    if "prompt_tokens" in response.additional_kwargs:
        return response.additional_kwargs
    return _as_mapping(_get(response.raw, "usage"))


def _finish_reason(response: ChatResponse) -> str | None:
    found = response.additional_kwargs.get("finish_reason")
    if found is None and (choices := _get(response.raw, "choices")):
        found = _get(choices[0], "finish_reason")
    return found if isinstance(found, str) else None


def _request_id(response: ChatResponse) -> str | None:
    found = _get(response.raw, "_request_id") or _get(response.raw, "id")
    return found if isinstance(found, str) else None


def _get(holder: Any, name: str) -> Any:
    return holder.get(name) if isinstance(holder, Mapping) else getattr(holder, name, None)


def _as_mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    return value.model_dump() if isinstance(value, BaseModel) else {}
