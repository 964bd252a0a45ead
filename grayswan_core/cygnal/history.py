"""What of a conversation is judged before a model is called, and what is sent. Sans-I/O.

* The newest messages of the user are judged.
* A message of the user's that was refused is not sent again, nor is the refusal: it says so itself,
  or, where that was lost, the verdict is still known.
* Results of tools, and other data, are judged one by one; a flagged one is replaced.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from grayswan_core.cygnal.check import Check
from grayswan_core.cygnal.protection import Protection
from grayswan_core.cygnal.verdict import Judgement
from grayswan_core.wire import MonitorMessage, ToolCall

__all__ = [
    "REFUSED_CALL",
    "REMOVED_INPUT",
    "REMOVED_RESULT",
    "Dialect",
    "Prepared",
    "data_check",
    "newest_input",
    "prepare",
]

_M = TypeVar("_M")

REFUSED_CALL = "Error: this call was not made: it was flagged by the safety check ({reasons})."
REMOVED_INPUT = "[This message was removed: it was flagged by the safety check.]"
REMOVED_RESULT = (
    "[This result was removed: it was flagged by the safety check ({reasons}). Do not rely on it.]"
)


class Dialect(Protocol[_M]):
    """A framework's messages."""

    def read(self, message: _M, *, text: bool = True, calls: bool = True) -> list[MonitorMessage]:
        """A message as the monitor reads it; a response's without its text or its calls."""

    def made_calls(self, message: _M) -> list[ToolCall]:
        """The calls in a response, those whose arguments cannot be parsed included."""

    def is_user(self, message: _M) -> bool:
        """Whether it is the user's."""

    def is_data(self, message: _M) -> bool:
        """Whether it is a tool's result, or other data."""

    def is_refused_input(self, message: _M) -> bool:
        """Whether it is the refusal of what the user said before it."""

    def is_plain_answer(self, message: _M) -> bool:
        """Whether it is a response without calls, as a refusal is."""

    def placeholder(self, message: _M) -> _M:
        """What stands for a flagged message of the user's."""

    def removed(self, message: _M, judgement: Judgement) -> _M:
        """What stands for flagged data."""


@dataclass
class Prepared(Generic[_M]):
    """What is sent, and how it stands with the newest input.

    Attributes:
        dialect: The framework's messages.
        messages: What is sent.
        context: The same, as the monitor reads it.
        check: How the newest input is judged, if it is.
        newest: Where it stands among the messages: start and end.
    """

    dialect: Dialect[_M]
    messages: list[_M] = field(default_factory=list)
    context: list[MonitorMessage] = field(default_factory=list)
    check: Check | None = None
    newest: slice = field(default_factory=lambda: slice(0, 0))

    def read_all(self, messages: Iterable[_M]) -> list[MonitorMessage]:
        """Messages as the monitor reads them."""
        return [each for message in messages for each in self.dialect.read(message)]

    def add(self, message: _M) -> None:
        self.messages.append(message)
        self.context.extend(self.dialect.read(message))

    def forget(self, start: int) -> None:
        """Take the messages from a place on out again."""
        del self.messages[start:]
        self.context = self.read_all(self.messages)

    def replace_input(self) -> None:
        """Put a placeholder where the newest input is."""
        newest = self.messages[self.newest]
        self.messages[self.newest] = [self.dialect.placeholder(newest[-1])]
        self.context = self.read_all(self.messages)


def prepare(
    protection: Protection, messages: Sequence[_M], dialect: Dialect[_M]
) -> Generator[list[Check], list[Judgement], Prepared[_M]]:
    """Which checks of data to make, for their judgements; and at the end, what is to be sent.

    The check of the newest input is not among them, but in what is returned.
    """
    prepared = Prepared(dialect)
    newest = newest_input(messages, dialect)
    last_turn = 0  # where the user's latest turn before the newest one begins, among what is sent
    index = 0
    while index < len(messages):
        message = messages[index]
        end = index + 1
        if dialect.is_data(message):
            while end < len(messages) and dialect.is_data(messages[end]):
                end += 1
            yield from _add_data(protection, prepared, messages[index:end])
        elif index == newest.start and newest.start < newest.stop:
            end = newest.stop
            _add_newest(protection, prepared, messages[newest])
        elif dialect.is_user(message):
            while end < len(messages) and dialect.is_user(messages[end]):
                end += 1
            last_turn = len(prepared.messages)
            if _was_refused(protection, prepared, messages[index:end]):
                end += end < len(messages) and dialect.is_plain_answer(messages[end])
            else:
                for each in messages[index:end]:
                    prepared.add(each)
        elif dialect.is_refused_input(message):
            prepared.forget(last_turn)
        else:
            prepared.add(message)
        index = end
    return prepared


def newest_input(messages: Sequence[_M], dialect: Dialect[_M]) -> slice:
    """Where the newest messages of the user stand: start and end; they stand together."""
    end = len(messages)
    while end and not dialect.is_user(messages[end - 1]):
        end -= 1
    start = end
    while start and dialect.is_user(messages[start - 1]):
        start -= 1
    return slice(start, end)


def data_check(judged: Sequence[MonitorMessage], context: Sequence[MonitorMessage]) -> Check:
    """How a tool's result, or other data, is judged."""
    is_result = any(each.tool_call_id for each in judged)
    return Check(judged, ("tool_result",) if is_result else ("retrieval",), context)


def _add_newest(protection: Protection, prepared: Prepared[_M], turn: Sequence[_M]) -> None:
    """Add the newest input. Of several messages, those that were refused alone before go."""
    start = len(prepared.messages)
    context = list(prepared.context)
    for message in turn[:-1]:
        if not _was_refused(protection, prepared, [message]):
            prepared.add(message)
    prepared.add(turn[-1])
    prepared.newest = slice(start, len(prepared.messages))
    judged = prepared.read_all(prepared.messages[prepared.newest])
    if protection.check_input and any(each.content != REMOVED_INPUT for each in judged):
        # What is marked as untrusted in a prompt is data in it.
        data = any(each.role == "tool" for each in judged)
        prepared.check = Check(judged, ("input", "retrieval") if data else ("input",), context)


def _was_refused(protection: Protection, prepared: Prepared[_M], turn: Sequence[_M]) -> bool:
    if not (protection.check_input and protection.blocks):
        return False
    known = protection.guard.recall(prepared.read_all(turn), ("input",), prepared.context)
    return known is not None and known.blocked


def _add_data(
    protection: Protection, prepared: Prepared[_M], results: Sequence[_M]
) -> Generator[list[Check], list[Judgement], None]:
    judgements: list[Judgement] = []
    if protection.check_tool_results:
        context = list(prepared.context)
        judgements = yield [data_check(prepared.dialect.read(each), context) for each in results]
    for position, result in enumerate(results):
        blocked = protection.blocks and judgements and judgements[position].blocked
        removed = prepared.dialect.removed
        prepared.add(removed(result, judgements[position]) if blocked else result)
