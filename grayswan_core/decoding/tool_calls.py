"""Tool-call deltas to whole tool calls, and calls to and from JSON text. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic_core import from_json

from grayswan_core.wire import (
    FunctionCall,
    ResponseFunctionCall,
    ResponseToolCall,
    ToolCall,
    ToolCallDelta,
)

__all__ = ["CallSoFar", "ToolCallAssembler", "arguments_so_far", "parse_arguments", "past_call"]


class CallSoFar(NamedTuple):
    """A call as far as it has come; until the stream has ended `arguments` may be cut JSON."""

    id: str
    name: str
    arguments: str


class _Parts:
    """The parts of one call so far."""

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self._arguments: list[str] = []

    def add(self, delta: ToolCallDelta) -> None:
        self.id = self.id or delta.get("id") or ""
        function = delta.get("function") or {}
        self.name += function.get("name") or ""
        if arguments := function.get("arguments"):
            self._arguments.append(arguments)

    def so_far(self) -> CallSoFar:
        # Joined once, so that asking after every part does not join all of them again.
        self._arguments[:] = ["".join(self._arguments)]
        return CallSoFar(self.id, self.name, self._arguments[0])


class ToolCallAssembler:
    """Joins deltas by their `index`, however they are mixed; calls come out in index order."""

    def __init__(self) -> None:
        self._calls: dict[int, _Parts] = {}

    def add(self, delta: ToolCallDelta) -> None:
        """Take one delta in."""
        index = delta.get("index", 0)
        parts = self._calls.get(index)
        if parts is None:
            parts = self._calls[index] = _Parts()
        parts.add(delta)

    def calls(self) -> list[CallSoFar]:
        """The calls so far."""
        return [self._calls[index].so_far() for index in sorted(self._calls)]

    def responses(self) -> list[ResponseToolCall]:
        """The calls so far, as a whole answer has them."""
        return [
            ResponseToolCall(
                id=call.id, function=ResponseFunctionCall(name=call.name, arguments=call.arguments)
            )
            for call in self.calls()
        ]


def parse_arguments(text: str) -> dict[str, Any]:
    """The arguments of a whole call. No text is no arguments.

    Raises:
        ValueError: the text is not a JSON object.
    """
    try:
        # Models write line breaks into strings as they are; what is meant is plain.
        arguments = json.loads(text or "{}", strict=False)
    except RecursionError:  # the model wrote brackets without end
        raise ValueError("The arguments are nested too deeply.") from None
    if not isinstance(arguments, dict):
        raise ValueError("The arguments are not a JSON object.")  # noqa: TRY004 - bad JSON text
    return arguments


def arguments_so_far(text: str) -> dict[str, Any]:
    """The arguments of a call that is still arriving: what can be read of them."""
    try:
        arguments = from_json(text, allow_partial="trailing-strings")
    except ValueError:
        return {}
    return arguments if isinstance(arguments, dict) else {}


def past_call(
    call_id: str | None, name: str | None, arguments: Mapping[str, Any] | str | None
) -> ToolCall:
    """A call of the conversation so far, to be sent again; text arguments go as they are."""
    text = (
        arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
    )
    return ToolCall(id=call_id or "", function=FunctionCall(name=name or "", arguments=text))
