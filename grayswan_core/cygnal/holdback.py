"""How a model's response is judged, whole or in windows. Sans-I/O."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from grayswan_core.cygnal.check import Check
from grayswan_core.cygnal.history import Dialect
from grayswan_core.cygnal.protection import Protection
from grayswan_core.cygnal.verdict import Judgement, Stage
from grayswan_core.cygnal.window import monitor_messages
from grayswan_core.decoding.tool_calls import past_call
from grayswan_core.errors import APIError, GraySwanError, ResponseError
from grayswan_core.wire import MonitorMessage

__all__ = ["Holdback", "answer_check", "partial_check"]

_M = TypeVar("_M")
_C = TypeVar("_C")


def answer_check(
    protection: Protection, answer: _M, context: Sequence[MonitorMessage], dialect: Dialect[_M]
) -> Check | None:
    """How a response is judged: its text and its calls together; None where neither is."""
    calls = protection.check_tool_calls and bool(dialect.made_calls(answer))
    stages = _stages(protection, calls=calls)
    if not stages:
        return None
    judged = dialect.read(answer, text=protection.check_output, calls=calls)
    return Check(judged, stages, context)


def partial_check(
    protection: Protection, error: Exception, context: Sequence[MonitorMessage]
) -> Check | None:
    """How an error is judged for what it holds of a response, and may quote; None if nothing."""
    judged: list[MonitorMessage] = []
    if not isinstance(error, APIError):
        if protection.check_output and (quoted := _quoted(error)):
            judged += monitor_messages("ai", quoted)
        return Check(judged, ("output",), context) if judged else None
    for choice in error.partial.choices if error.partial is not None else ():
        said = choice.message
        texts = [said.content or "", said.refusal or ""] if protection.check_output else []
        made = said.tool_calls or () if protection.check_tool_calls else ()
        calls = [past_call(each.id, each.function.name, each.function.arguments) for each in made]
        judged += monitor_messages("ai", texts, tool_calls=calls)
    if isinstance(error, ResponseError) and error.body is not None and protection.check_output:
        # A response that cannot be read, which the message quotes. Errors of a status quote none.
        judged += monitor_messages("ai", _text(error.body))
    stages = _stages(protection, calls=any(each.tool_calls for each in judged))
    return Check(judged, stages, context) if judged and stages else None


def _quoted(error: Exception) -> str:
    """What another vendor's error says, unless it is known to tell of no response."""
    status = getattr(error, "status_code", None)
    if isinstance(error, (GraySwanError, OSError)) or status not in (None, *_OF_CONTENT):
        return ""
    return "" if any(word in type(error).__name__ for word in _OF_NETWORK) else str(error)


_OF_CONTENT = (400, 422)
_OF_NETWORK = ("Connect", "Timeout", "RateLimit")


def _text(body: Any) -> str:
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, default=str)


def _stages(protection: Protection, *, calls: bool) -> tuple[Stage, ...]:
    output: tuple[Stage, ...] = ("output",) if protection.check_output else ()
    return (*output, "tool_call") if calls else output


class Holdback(ABC, Generic[_M, _C]):
    """Holds the chunks of a stream back until they have been judged.

    Text is judged with all that came before it, whenever another window of it has come. Then it is
    released, but for a tail, so that nothing is released of a flagged passage that has only begun.
    Calls are judged when they are whole, at the end, and so is what comes after them.

    Args:
        protection: What is judged.
        context: What came before, as the monitor reads it.
        dialect: The framework's messages.
    """

    def __init__(
        self, protection: Protection, context: Sequence[MonitorMessage], dialect: Dialect[_M]
    ) -> None:
        self._protection = protection
        self._context = context
        self._dialect = dialect
        self._held: list[_C] = []
        self._unjudged = 0
        self._windows = (
            protection.streaming == "window" and protection.check_output and protection.blocks
        )
        self.is_empty = True
        """Whether no chunk has come."""

    def add(self, chunk: _C) -> Check | None:
        """Take a chunk in. How the text so far is judged, if it is time."""
        self.is_empty = False
        self._held.append(chunk)
        # What is beside text may be part of a call, and is judged as a whole at the end.
        self._windows = self._windows and self._is_text(chunk)
        if not self._windows:
            return None
        self._unjudged += len(self._text(chunk))
        return self._check() if self._unjudged >= self._protection.window_size else None

    def end(self) -> Check | None:
        """How the whole response is judged."""
        return None if self.is_empty else self._check()

    def release(self) -> list[_C]:
        """The chunks that may be handed out after a judgement: all but the tail."""
        end, tail = len(self._held), 0
        while end and tail < self._protection.tail_size:
            end -= 1
            tail += len(self._text(self._held[end]))
        self._unjudged = 0
        return self._pop(end)

    def release_all(self) -> list[_C]:
        """All chunks."""
        return self._pop(len(self._held))

    @abstractmethod
    def answer(self) -> _M:
        """The response so far."""

    @abstractmethod
    def finish(self, report: Mapping[str, Any]) -> list[_C]:
        """The chunks left, the judgement noted on the last one."""

    @abstractmethod
    def refuse(self, judgement: Judgement) -> _C:
        """The chunk that ends the stream in place of those held back."""

    @abstractmethod
    def _text(self, chunk: _C) -> str:
        """The text that a chunk adds."""

    @abstractmethod
    def _is_text(self, chunk: _C) -> bool:
        """Whether a chunk adds text alone."""

    def _check(self) -> Check | None:
        return answer_check(self._protection, self.answer(), self._context, self._dialect)

    def _pop(self, end: int) -> list[_C]:
        released, self._held = self._held[:end], self._held[end:]
        return released
