"""One tool call where the API may make several: the first of a tool on offer is kept. Sans-I/O.

Where none is of a tool on offer, the first is kept all the same, so that the caller sees it.
"""

from __future__ import annotations

from collections.abc import Collection

from grayswan_core.decoding.tool_calls import joined_deltas
from grayswan_core.wire import ChunkChoice, ResponseMessage, ResponseToolCall, ToolCallDelta

__all__ = ["SingleCall", "first_on_offer"]


def first_on_offer(
    message: ResponseMessage, tool_names: Collection[str]
) -> list[ResponseToolCall] | None:
    """The one call of a message that is kept, as a list; None when there is no call."""
    calls = message.tool_calls or []
    offered = [call for call in calls if call.function.name in tool_names]
    return (offered or calls)[:1] or None


class SingleCall:
    """Keeps the deltas of one call of a streamed choice.

    Args:
        tool_names: The tools on offer.
    """

    def __init__(self, tool_names: Collection[str]) -> None:
        self._names = tool_names
        self._index: int | None = None
        self._spare: list[ToolCallDelta] = []

    def sift(self, choice: ChunkChoice) -> None:
        """Take the deltas of other calls out of a choice."""
        delta = choice["delta"]
        delta["tool_calls"] = [call for call in delta["tool_calls"] or () if self._keeps(call)]

    def spare(self) -> list[ToolCallDelta]:
        """The first call, of a tool that is not on offer, if no other has come; once."""
        spare, self._spare = joined_deltas(self._spare), []
        return spare if self._index is None else []

    def _keeps(self, call: ToolCallDelta) -> bool:
        index = call.get("index", 0)
        if self._index is None and (call.get("function") or {}).get("name") in self._names:
            self._index = index
        if self._index is None and (not self._spare or self._spare[0].get("index", 0) == index):
            self._spare.append(call)
        return index == self._index
