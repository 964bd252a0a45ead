"""What of a conversation is judged before a model is called, and what is sent. Sans-I/O.

* The newest messages of the user are judged.
* A message of the user's that was refused is not sent again, nor is the refusal: it says so itself
  (`response_metadata`), or, where that was lost, the verdict is still known.
* Results of tools, and other data, are judged one by one; a flagged one is replaced.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    ToolMessage,
)

from grayswan_core import Judgement
from grayswan_core.wire import MonitorMessage
from langchain_grayswan.guard.checks import Check
from langchain_grayswan.guard.protection import Protection
from langchain_grayswan.guard.reading import read, read_all
from langchain_grayswan.guard.refusing import REMOVED_INPUT, is_refused_input, removed_result

__all__ = ["Prepared", "newest_input", "prepare"]


@dataclass
class Prepared:
    """What is sent, and how it stands with the newest input.

    Attributes:
        messages: What is sent.
        context: The same, as the monitor reads it.
        check: How the newest input is judged, if it is.
        newest: Where it stands among the messages: start and end.
    """

    messages: list[BaseMessage] = field(default_factory=list)
    context: list[MonitorMessage] = field(default_factory=list)
    check: Check | None = None
    newest: slice = field(default_factory=lambda: slice(0, 0))

    def add(self, message: BaseMessage) -> None:
        self.messages.append(message)
        self.context.extend(read(message))

    def forget(self, start: int) -> None:
        """Take the messages from a place on out again."""
        del self.messages[start:]
        self.context = read_all(self.messages)

    def with_input_replaced(self, by: list[BaseMessage]) -> list[BaseMessage]:
        """What is sent with something else in place of the newest input."""
        return [*self.messages[: self.newest.start], *by, *self.messages[self.newest.stop :]]


def prepare(
    protection: Protection, messages: Sequence[BaseMessage]
) -> Generator[list[Check], list[Judgement], Prepared]:
    """Which checks of data to make, for their judgements; and at the end, what is to be sent.

    The check of the newest input is not among them, but in what is returned.
    """
    prepared = Prepared()
    newest = newest_input(messages)
    last_turn = 0  # where the user's latest turn before the newest one begins, among what is sent
    index = 0
    while index < len(messages):
        message = messages[index]
        end = index + 1
        if _is_data(message):
            while end < len(messages) and _is_data(messages[end]):
                end += 1
            yield from _add_data(protection, prepared, messages[index:end])
        elif index == newest.start and newest.start < newest.stop:
            end = newest.stop
            _add_newest(protection, prepared, messages[newest])
        elif isinstance(message, HumanMessage):
            end = _end_of_turn(messages, index)
            last_turn = len(prepared.messages)
            if _was_refused(protection, prepared, messages[index:end]):
                end += _is_plain_answer(messages, end)
            else:
                for each in messages[index:end]:
                    prepared.add(each)
        elif is_refused_input(message):
            prepared.forget(last_turn)
        else:
            prepared.add(message)
        index = end
    return prepared


def newest_input(messages: Sequence[BaseMessage]) -> slice:
    """Where the newest messages of the user stand: start and end; they stand together."""
    end = len(messages)
    while end and not isinstance(messages[end - 1], HumanMessage):
        end -= 1
    start = end
    while start and isinstance(messages[start - 1], HumanMessage):
        start -= 1
    return slice(start, end)


def _end_of_turn(messages: Sequence[BaseMessage], start: int) -> int:
    end = start
    while end < len(messages) and isinstance(messages[end], HumanMessage):
        end += 1
    return end


def _is_data(message: BaseMessage) -> bool:
    return isinstance(message, (ToolMessage, FunctionMessage)) or (
        isinstance(message, ChatMessage) and message.role in ("data", "tool", "function")
    )


def _add_newest(protection: Protection, prepared: Prepared, turn: Sequence[BaseMessage]) -> None:
    """Add the newest input. Of several messages, those that were refused alone before go."""
    start = len(prepared.messages)
    context = list(prepared.context)
    for message in turn[:-1]:
        if not _was_refused(protection, prepared, [message]):
            prepared.add(message)
    prepared.add(turn[-1])
    prepared.newest = slice(start, len(prepared.messages))
    unit = prepared.messages[prepared.newest]
    if protection.check_input and any(each.content != REMOVED_INPUT for each in unit):
        judged = read_all(unit)
        # What is marked as untrusted in a prompt is data in it.
        data = any(each.role == "tool" for each in judged)
        prepared.check = Check(judged, ("input", "retrieval") if data else ("input",), context)


def _was_refused(protection: Protection, prepared: Prepared, turn: Sequence[BaseMessage]) -> bool:
    if not (protection.check_input and protection.blocks):
        return False
    known = protection.guard.recall(read_all(turn), ("input",), prepared.context)
    return known is not None and known.blocked


def _is_plain_answer(messages: Sequence[BaseMessage], index: int) -> bool:
    """Whether the message at a place is a response without calls, as a refusal is."""
    message = messages[index] if index < len(messages) else None
    return isinstance(message, AIMessage) and not (message.tool_calls or message.invalid_tool_calls)


def _add_data(
    protection: Protection, prepared: Prepared, results: Sequence[BaseMessage]
) -> Generator[list[Check], list[Judgement], None]:
    if not protection.check_tool_results:
        judgements = []
    else:
        context = list(prepared.context)
        judgements = yield [data_check(each, context) for each in results]
    for position, result in enumerate(results):
        blocked = protection.blocks and judgements and judgements[position].blocked
        prepared.add(removed_result(result, judgements[position]) if blocked else result)


def data_check(result: BaseMessage, context: Sequence[MonitorMessage]) -> Check:
    """How a tool's result, or other data, is judged."""
    is_result = isinstance(result, ToolMessage)
    return Check(read(result), ("tool_result",) if is_result else ("retrieval",), context)
