"""Responses of an LLM: how they are judged, held back, and refused. Sans-I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    MessageRole,
)

from grayswan_core import CygnalViolationError, Judgement
from grayswan_core.cygnal.check import Check
from grayswan_core.cygnal.protection import Protection
from grayswan_core.cygnal.verdict import Stage
from grayswan_core.wire import MonitorMessage
from llama_index_grayswan.guard.reading import made_calls, read

__all__ = ["REPORT", "Holdback", "Response", "answer_check", "noted", "refusal", "violation_error"]

Response: TypeAlias = ChatResponse | CompletionResponse

_R = TypeVar("_R", ChatResponse, CompletionResponse)

REPORT = "cygnal"
"""Where a response's `additional_kwargs` have the judgement."""

_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


def message_of(response: Response) -> ChatMessage:
    """What a response says, as a message."""
    if isinstance(response, ChatResponse):
        return response.message
    return ChatMessage(role=MessageRole.ASSISTANT, content=response.text)


def answer_check(
    protection: Protection, answer: ChatMessage, context: Sequence[MonitorMessage]
) -> Check | None:
    """How a response is judged: its text and its calls together; None where neither is."""
    calls = bool(made_calls(answer)) and protection.check_tool_calls
    stages: tuple[Stage, ...] = ("output",) if protection.check_output else ()
    if calls:
        stages = (*stages, "tool_call")
    if not stages:
        return None
    return Check(read(answer, text=protection.check_output, calls=calls), stages, context)


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
    why = ", ".join(judgement.reasons)
    message = f"Cygnal blocked the {judgement.stage} ({why}). {protection.message(judgement)}"
    return CygnalViolationError(message, report=judgement.report())


def _usage(answer: Response | None) -> dict[str, Any]:
    """The usage of a response; of its other raw data nothing is kept, which spells it out."""
    raw = getattr(answer, "raw", None)
    usage: Any = raw.get("usage") if isinstance(raw, Mapping) else getattr(raw, "usage", None)
    plain = usage.model_dump() if hasattr(usage, "model_dump") else usage
    kept = plain if isinstance(plain, Mapping) else getattr(answer, "additional_kwargs", {})
    return {name: kept[name] for name in _COUNTS if isinstance(kept.get(name), int)}


class Holdback:
    """Holds the responses of a stream back until they have been judged.

    Each holds the response so far. Text is judged with all that came before it, whenever another
    window of it has come, and released but for a tail; calls are judged when they are whole, at
    the end, and so is what comes after them.

    Args:
        protection: What is judged.
        context: What came before, as the monitor reads it.
    """

    def __init__(self, protection: Protection, context: Sequence[MonitorMessage]) -> None:
        self._protection = protection
        self._context = context
        self._held: list[Any] = []
        self._deltas: list[str] = []
        self._released = 0
        self._judged = 0
        self._length = 0
        self._windows = (
            protection.streaming == "window" and protection.check_output and protection.blocks
        )
        self.last: Any = None

    @property
    def released(self) -> str:
        """The text that was released."""
        return "".join(self._deltas[: self._released])

    def add(self, response: Any) -> Check | None:
        """Take a response in. How the text so far is judged, if it is time."""
        self.last = response
        self._held.append(response)
        self._deltas.append(response.delta or "")
        self._length += len(response.delta or "")
        self._windows = self._windows and not made_calls(message_of(response))
        if not self._windows or self._length - self._judged < self._protection.window_size:
            return None
        self._judged = self._length
        return answer_check(self._protection, self._answer(), self._context)

    def end(self) -> Check | None:
        """How the whole response is judged."""
        if self.last is None:
            return None
        return answer_check(self._protection, self._answer(), self._context)

    def release(self) -> list[Any]:
        """The responses that may be handed out after a judgement: all but the tail."""
        end, tail = len(self._held), 0
        while end and tail < self._protection.tail_size:
            end -= 1
            tail += len(self._held[end].delta or "")
        return self._pop(end)

    def release_all(self) -> list[Any]:
        """All responses."""
        return self._pop(len(self._held))

    def _pop(self, end: int) -> list[Any]:
        released, self._held = self._held[:end], self._held[end:]
        self._released += end
        return released

    def _answer(self) -> ChatMessage:
        """The response so far; some integrations leave text out of the message of a stream."""
        message = message_of(self.last)
        text = "".join(self._deltas)
        if text in (message.content or ""):
            return message
        blocks = [*message.blocks, *ChatMessage(content=f"\n{text}").blocks]
        return message.model_copy(update={"blocks": blocks})
