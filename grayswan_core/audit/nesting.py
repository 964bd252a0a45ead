"""Calls under way, and which is within which."""

from __future__ import annotations

from typing import Generic, TypeVar

from typing_extensions import NamedTuple

__all__ = ["Nested", "Nesting"]

_K = TypeVar("_K")

_MOST_CALLS = 20_000
_MOST_NAMES = 6


class Nested(NamedTuple, Generic[_K]):
    """A call under way.

    Attributes:
        name: Of what is called; empty where it is not to be told.
        parent: The ID of the call around it.
        called: What is called, where that matters.
    """

    name: str
    parent: _K | None
    called: object = None


class Nesting(Generic[_K]):
    """Calls under way by their IDs. Of calls that never end, the latest are kept."""

    def __init__(self) -> None:
        self._calls: dict[_K, Nested[_K]] = {}

    def __len__(self) -> int:
        """How many calls are under way."""
        return len(self._calls)

    def begin(self, key: _K, call: Nested[_K]) -> None:
        """Note that a call began."""
        while len(self._calls) >= _MOST_CALLS:
            self._calls.pop(next(iter(self._calls)), None)
        self._calls[key] = call

    def end(self, key: _K) -> Nested[_K] | None:
        """Note that a call ended; None where it is not known."""
        return self._calls.pop(key, None)

    def get(self, key: _K | None) -> Nested[_K] | None:
        """A call under way; None where it is not known."""
        return None if key is None else self._calls.get(key)

    def through(self, key: _K | None) -> tuple[str, ...]:
        """The names of a call and of those around it, outermost first, each once in a row."""
        names: list[str] = []
        for _ in range(_MOST_CALLS):
            call = self.get(key)
            if call is None:
                break
            if call.name and names[-1:] != [call.name]:
                names.append(call.name)
            key = call.parent
        return tuple(reversed(names[-_MOST_NAMES:]))
