"""Protected completions of LangChain's models: violations of the API's, read as refusals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from langchain_core.callbacks.base import BaseCallbackManager
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.outputs.chat_generation import merge_chat_generation_chunks

from grayswan_core.cygnal.completions import AsyncReadCall, CompletionDialect, ReadCall
from grayswan_core.wire import REFUSALS
from langchain_grayswan.guard.around import Around, AsyncCall, Call, bare_model, put_around
from langchain_grayswan.refusals import PROVIDER

__all__ = ["reading_violations", "reads_violations"]

_ModelT = TypeVar("_ModelT", bound=BaseChatModel)

_REFUSAL = "_cygnal_refusal"

# Where a message's `additional_kwargs` keep calls as they came.
_CALLS = ("tool_calls", "function_call")


def reading_violations(model: _ModelT, refusal: str | None) -> _ModelT:
    """A copy of a model that reads violations as refusals.

    Args:
        model: A model that is pointed at protected completions.
        refusal: What the policy says in place of what it blocks; else what the API says.
    """
    return put_around(model, _ReadsViolations, "Reading", **{_REFUSAL: refusal})


def reads_violations(model: object) -> bool:
    """Whether a model reads violations as refusals."""
    return isinstance(model, _ReadsViolations)


class _ReadsViolations(Around):
    """The hooks that read."""

    def _new_call(
        self,
        messages: Sequence[BaseMessage],
        manager: BaseCallbackManager | None,
    ) -> Call:
        return ReadCall(_Dialect(self.__dict__[_REFUSAL]), messages)

    def _anew_call(
        self,
        messages: Sequence[BaseMessage],
        manager: BaseCallbackManager | None,
    ) -> AsyncCall:
        return AsyncReadCall(_Dialect(self.__dict__[_REFUSAL]), messages)

    def __reduce__(self) -> Any:
        return reading_violations, (bare_model(self).model_copy(), self.__dict__[_REFUSAL])


class _Dialect(CompletionDialect[ChatResult, ChatGenerationChunk]):
    """LangChain's responses."""

    def read(self, response: ChatResult) -> ChatResult:
        response.generations = [
            _refused(each) if _is_refused(each) else each for each in response.generations
        ]
        return response

    def split(
        self, held: list[ChatGenerationChunk], *, before: str, cut: str, said: str
    ) -> list[ChatGenerationChunk]:
        merged = merge_chat_generation_chunks(held)
        if merged is None or not isinstance(merged.message, AIMessageChunk):
            return held
        message = merged.message
        kwargs = message.additional_kwargs
        update = {
            "content": cut,
            "additional_kwargs": {key: kwargs[key] for key in kwargs if key not in _CALLS},
            "tool_call_chunks": [],
            "tool_calls": [],
            "invalid_tool_calls": [],
        }
        frame = message.model_copy(update=update)
        block: Any = [{"type": "refusal", "refusal": said}]
        refusal = AIMessageChunk(
            content=block, id=message.id, additional_kwargs={"refusal": said}, chunk_position="last"
        )
        return [
            ChatGenerationChunk(message=frame, generation_info=merged.generation_info),
            ChatGenerationChunk(message=refusal),
        ]

    def text(self, chunk: ChatGenerationChunk) -> str:
        return chunk.text

    def has_calls(self, chunk: ChatGenerationChunk) -> bool:
        message = chunk.message
        beside = any(key in message.additional_kwargs for key in _CALLS)
        return beside or bool(getattr(message, "tool_call_chunks", None))

    def is_refused(self, chunk: ChatGenerationChunk) -> bool:
        return _is_refused(chunk)


def _is_refused(generation: ChatGeneration) -> bool:
    known = generation.message.response_metadata.get("finish_reason")
    return (known or (generation.generation_info or {}).get("finish_reason")) in REFUSALS


def _refused(generation: ChatGeneration) -> ChatGeneration:
    """A whole response that the API blocked; what it says is the refusal, and calls are none."""
    message = generation.message
    said = message.additional_kwargs.get("refusal") or str(message.text)
    metadata = {**message.response_metadata, "model_provider": PROVIDER}
    refused = AIMessage(
        content=said,
        id=message.id,
        additional_kwargs={"refusal": said},
        response_metadata=metadata,
        usage_metadata=message.usage_metadata if isinstance(message, AIMessage) else None,
    )
    return ChatGeneration(message=refused, generation_info=generation.generation_info)
