"""Protected completions of LlamaIndex's LLMs: violations of the API's, read as refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from llama_index.core.base.llms.types import ChatMessage, CompletionResponse, MessageRole
from llama_index.core.llms.llm import LLM

from grayswan_core.cygnal.completions import AsyncReadCall, CompletionDialect, ReadCall
from grayswan_core.wire import REFUSALS
from llama_index_grayswan.guard.around import Around, AsyncCall, Call
from llama_index_grayswan.guard.reading import made_calls
from llama_index_grayswan.guard.refusing import Response, message_of

__all__ = ["reading_violations", "reads_violations"]

_L = TypeVar("_L", bound=LLM)

_KEY = "_cygnal_refusal"


def reading_violations(llm: _L, refusal: str | None) -> _L:
    """A copy of an LLM that reads violations as refusals.

    Args:
        llm: An LLM that is pointed at protected completions.
        refusal: What the policy says in place of what it blocks; else what the API says.
    """
    return _READING.put(llm, refusal)


def reads_violations(llm: object) -> bool:
    """Whether an LLM reads violations as refusals."""
    return _READING.is_around(llm)


def _call(llm: LLM, messages: Sequence[ChatMessage], kind: type[Any]) -> Call:  # noqa: ARG001
    return ReadCall(_Dialect(llm.__dict__[_KEY]), messages)


def _acall(llm: LLM, messages: Sequence[ChatMessage], kind: type[Any]) -> AsyncCall:  # noqa: ARG001
    return AsyncReadCall(_Dialect(llm.__dict__[_KEY]), messages)


_READING = Around("Reading", _KEY, _call, _acall)


class _Dialect(CompletionDialect[Any, Any]):
    """LlamaIndex's responses."""

    def read(self, response: Any) -> Any:
        if not self.is_refused(response):
            return response
        said = message_of(response).content or ""
        return _with_text(response, said, refusal=said)

    def split(self, held: list[Any], *, before: str, cut: str, said: str) -> list[Any]:
        last, text = held[-1], before + cut
        refusal = f"\n\n{said}" if text else said
        end = _with_text(last, text + refusal, delta=refusal, refusal=said)
        return [_with_text(last, text, delta=cut), end] if cut else [end]

    def text(self, chunk: Any) -> str:
        return chunk.delta or ""

    def has_calls(self, chunk: Any) -> bool:
        return bool(made_calls(message_of(chunk)))

    def is_refused(self, chunk: Any) -> bool:
        return _finish_reason(chunk) in REFUSALS


def _with_text(
    response: Response, text: str, *, delta: str | None = None, refusal: str | None = None
) -> Response:
    """The response with another text, without calls, and as a refusal if it is one."""
    kwargs = response.additional_kwargs
    if refusal is not None:
        kwargs = {**kwargs, "finish_reason": "violation", "refusal": refusal}
    update: dict[str, Any] = {"delta": delta, "additional_kwargs": kwargs}
    if isinstance(response, CompletionResponse):
        update["text"] = text
    else:
        update["message"] = ChatMessage(role=MessageRole.ASSISTANT, content=text)
    return response.model_copy(update=update)


def _finish_reason(response: Response) -> str | None:
    """Why a response ended, as this or another integration keeps it."""
    known = response.additional_kwargs.get("finish_reason")
    if known is None:
        choices = _get(response.raw, "choices") or [response.raw]
        known = _get(choices[0], "finish_reason")
    return known if isinstance(known, str) else None


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
