"""Responses of an LLM: what they say, and what stands in place of what is blocked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    MessageRole,
)

from grayswan_core import CygnalViolationError, Judgement
from grayswan_core.cygnal.protection import Protection

__all__ = [
    "REPORT",
    "Response",
    "beside",
    "message_of",
    "noted",
    "refusal",
    "violation_error",
    "with_kwargs",
]

Response: TypeAlias = ChatResponse | CompletionResponse

_R = TypeVar("_R", ChatResponse, CompletionResponse)

REPORT = "cygnal"
"""Where a response's `additional_kwargs` have the judgement."""

_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")

# Of a response's `additional_kwargs`, what is no text of the model's.
_ABOUT = frozenset({"finish_reason", "content_filter", REPORT, *_COUNTS})


def message_of(response: Response) -> ChatMessage:
    """What a response says, as a message, with what it holds beside that."""
    if isinstance(response, ChatResponse):
        message = response.message
    else:
        message = ChatMessage(role=MessageRole.ASSISTANT, content=response.text)
    return with_kwargs(message, beside(response))


def with_kwargs(message: ChatMessage, kwargs: Mapping[str, Any]) -> ChatMessage:
    """The message with more of them, or itself."""
    if not kwargs:
        return message
    return message.model_copy(update={"additional_kwargs": {**message.additional_kwargs, **kwargs}})


def beside(response: Response) -> dict[str, Any]:
    """What a response holds beside its message that may be text, such as what the model thought."""
    return {
        key: value
        for key, value in response.additional_kwargs.items()
        if key not in _ABOUT and value and not isinstance(value, (bool, int, float))
    }


def noted(response: _R, report: Mapping[str, Any]) -> _R:
    """The response with the judgement noted on it."""
    kwargs = {**response.additional_kwargs, REPORT: dict(report)}
    return response.model_copy(update={"additional_kwargs": kwargs})


def refusal(
    protection: Protection,
    judgement: Judgement,
    kind: type[_R],
    answer: Response | None,
    *,
    released: str = "",
) -> _R:
    """The response that stands in place of a blocked one.

    Args:
        protection: What is said.
        judgement: Why it is blocked.
        kind: Of which class it is.
        answer: The blocked response, of which the usage is kept.
        released: Its text that had been released before.
    """
    said = protection.message(judgement)
    text = f"{released}\n\n{said}" if released else said
    usage = _usage(answer)
    kwargs: dict[str, Any] = {
        **{name: usage[name] for name in _COUNTS if name in usage},
        "finish_reason": "violation",
        "refusal": said,
        REPORT: judgement.report(),
    }
    fields: dict[str, Any] = {
        "raw": {"usage": usage or None, "finish_reason": "violation"},
        "additional_kwargs": kwargs,
        "delta": text[len(released) :],
    }
    if kind is CompletionResponse:
        fields["text"] = text
    else:
        fields["message"] = ChatMessage(role=MessageRole.ASSISTANT, content=text)
    return kind(**fields)


def violation_error(protection: Protection, judgement: Judgement) -> CygnalViolationError:
    """The error for something that is blocked."""
    message = protection.error_message(judgement)
    return CygnalViolationError(message, report=judgement.report())


def _usage(answer: Response | None) -> dict[str, Any]:
    """The usage of a response; of its other raw data nothing is kept, which spells it out."""
    raw = getattr(answer, "raw", None)
    usage: Any = raw.get("usage") if isinstance(raw, Mapping) else getattr(raw, "usage", None)
    plain = usage.model_dump() if hasattr(usage, "model_dump") else usage
    kept = plain if isinstance(plain, Mapping) else getattr(answer, "additional_kwargs", {})
    return {name: kept[name] for name in _COUNTS if isinstance(kept.get(name), int)}
