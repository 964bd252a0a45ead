"""Tool-call deltas to whole tool calls. Pure."""

from __future__ import annotations

from grayswan_core.wire import ResponseFunctionCall, ResponseToolCall, ToolCallDelta

__all__ = ["ToolCallAssembler"]


class _Parts:
    """The parts of one call so far."""

    def __init__(self) -> None:
        self.id = ""
        self.name: list[str] = []
        self.arguments: list[str] = []

    def whole(self) -> ResponseToolCall:
        function = ResponseFunctionCall(name="".join(self.name), arguments="".join(self.arguments))
        return ResponseToolCall(id=self.id, function=function)


class ToolCallAssembler:
    """Joins deltas by their `index`, however they are mixed; calls come out in index order."""

    def __init__(self) -> None:
        self._calls: dict[int, _Parts] = {}

    def add(self, delta: ToolCallDelta) -> None:
        """Take one delta in."""
        parts = self._calls.setdefault(delta.index, _Parts())
        parts.id = parts.id or delta.id or ""
        if delta.function.name:
            parts.name.append(delta.function.name)
        if delta.function.arguments:
            parts.arguments.append(delta.function.arguments)

    def calls(self) -> list[ResponseToolCall]:
        """The calls so far. Until the stream has ended their `arguments` may be cut JSON."""
        return [self._calls[index].whole() for index in sorted(self._calls)]
