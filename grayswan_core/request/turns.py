"""The turns of a conversation, and ids for calls that have none. Pure functions.

Other models' conversations may hold calls without ids: their results name the tool, or follow in
the calls' order. The API correlates a result with its call by the id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count

from grayswan_core.wire import ToolCall

__all__ = ["Turn", "with_call_ids"]

_TOOLS = frozenset({"tool", "function"})


@dataclass(frozen=True)
class Turn:
    """One turn of a conversation, in no framework's terms.

    Attributes:
        speaker: Who speaks, by any name the frameworks use (`human`, `ai`, `developer`, ...).
        text: Its text.
        tool_calls: The calls an assistant made in this turn.
        tool_call_id: The call that a tool's result answers.
    """

    speaker: str
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


def with_call_ids(turns: Sequence[Turn]) -> Sequence[Turn]:
    """The turns with an id on each call, and on the results of those that had none.

    They are the same each time, so that equal conversations make equal requests.
    """
    taken = {call.id for turn in turns for call in turn.tool_calls}
    if "" not in taken:
        return turns
    free = (name for number in count(1) if (name := f"call_{number}") not in taken)
    made: list[Turn] = []
    waiting: list[ToolCall] = []
    for turn in turns:
        if turn.tool_calls:
            calls = [call if call.id else _named(call, next(free)) for call in turn.tool_calls]
            waiting = [new for new, old in zip(calls, turn.tool_calls, strict=True) if not old.id]
            made.append(replace(turn, tool_calls=tuple(calls)))
        elif (call := _answered_by(turn, waiting)) is not None:
            waiting.remove(call)
            made.append(replace(turn, tool_call_id=call.id))
        else:
            made.append(turn)
    return made


def _named(call: ToolCall, call_id: str) -> ToolCall:
    return call.model_copy(update={"id": call_id})


def _answered_by(turn: Turn, waiting: Sequence[ToolCall]) -> ToolCall | None:
    if turn.speaker not in _TOOLS:
        return None
    name = turn.tool_call_id
    return next((call for call in waiting if not name or call.function.name == name), None)
