"""Answers laid out in advance, for tests that need to say what the server says."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeAlias

from grayswan_devserver.answers import Answer

__all__ = ["RawResponse", "Script", "Scripted"]


@dataclass(frozen=True)
class RawResponse:
    """An HTTP response, byte for byte: errors, broken streams, gateways' pages.

    Attributes:
        body: the bytes, or a sequence of them that is sent in as many writes.
        status: the HTTP status.
        headers: sent along; an `x-request-id` is added.
        cut: close the connection after the body without ending the response properly, as
            when a server dies.
    """

    body: bytes | Sequence[bytes] = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False

    @property
    def writes(self) -> list[bytes]:
        """The body as a list of writes."""
        return [self.body] if isinstance(self.body, bytes) else list(self.body)


Scripted: TypeAlias = Answer | RawResponse


class Script:
    """A queue of answers, taken one for each request. Safe to use from several threads."""

    def __init__(self) -> None:
        self._items: deque[Scripted] = deque()
        self._lock = Lock()

    def add(self, *items: Scripted) -> None:
        with self._lock:
            self._items.extend(items)

    def clear(self) -> None:
        with self._lock:
            self._items.clear()

    def take(self, kind: type[Scripted]) -> Scripted | None:
        """The next answer, if it is of this kind."""
        with self._lock:
            return (
                self._items.popleft() if self._items and isinstance(self._items[0], kind) else None
            )
