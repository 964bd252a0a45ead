"""Connections to one address that calls share: which one a call gets, and when one is closed.

Sans-I/O, sync and async alike. A call takes the connection that was used last, else makes one
while there is room, else waits in line.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from time import monotonic
from typing import Generic, Protocol, TypeVar
from weakref import WeakSet

__all__ = ["Connection", "Pool", "lock"]


class Connection(Protocol):
    """What a pool knows of a connection."""

    def is_usable(self) -> bool:
        """Whether it is open and nothing has arrived on it since it was given back."""

    def close(self) -> None:
        """Close it now, without waiting for anything."""


_C = TypeVar("_C", bound=Connection)


class Pool(Generic[_C]):
    """A pool.

    Args:
        max_connections: How many there may be at once.
        idle_seconds: How long one is kept that nobody uses.
        watch: Called with the pool when a connection becomes idle, and then no more until `expire`
            has returned None, which it has to call in time.

    Attributes:
        holders: The transports that use it.
        places: How many are taken by connections, and by those that are being made.
    """

    def __init__(
        self, max_connections: int, idle_seconds: float, watch: Callable[[Pool[_C]], None]
    ) -> None:
        self.holders: WeakSet[object] = WeakSet()
        self.places = 0
        self.idle_seconds = idle_seconds
        self._max_connections = max_connections
        self._watch = watch
        self._is_watched = False
        self._idle: deque[tuple[_C, float]] = deque()  # the one used last at the right
        self._connections: set[_C] = set()
        self._retired: set[_C] = set()
        self._line: deque[Callable[[_C | None], None]] = deque()

    def claim(self, proceed: Callable[[_C | None], None]) -> None:
        """Let `proceed` be called, now or later, with an idle connection, or None for a place."""
        with lock():
            self._line.append(proceed)
            self._serve()

    def leave_line(self, proceed: Callable[[_C | None], None]) -> bool:
        """Whether `proceed` will not be called any more; else it has been."""
        with lock():
            if proceed in self._line:
                self._line.remove(proceed)
                return True
            return False

    def add(self, connection: _C) -> None:
        """Note the connection that was made in a place."""
        self._connections.add(connection)

    def give_back(self, connection: _C | None) -> None:
        """Let others use a connection whose response is complete, or a place."""
        with lock():
            if connection is None:
                self.places -= 1
            elif connection in self._retired or not connection.is_usable():
                self._drop(connection)
            else:
                self._idle.append((connection, monotonic()))
            if self._line:
                self._serve()
            if not self._is_watched and self._idle:
                self._is_watched = True
                self._watch(self)

    def discard(self, connection: _C) -> None:
        """Close a connection, if it is not closed yet, and let another be made in its place."""
        with lock():
            self._drop(connection)
            self._serve()

    def _drop(self, connection: _C) -> None:
        connection.close()
        if connection in self._connections:
            self._connections.discard(connection)
            self._retired.discard(connection)
            self.places -= 1

    def _serve(self) -> None:
        """Give those in line the idle connections, what was used last first, and then places.

        Somebody is out of the line while it is seen what there is for him: what the garbage
        collector gives back meanwhile goes to the next.
        """
        while self._line and (self._idle or self.places < self._max_connections):
            proceed = self._line.popleft()
            if not self._idle:
                self.places += 1
                proceed(None)
                continue
            connection, since = self._idle.pop()
            if monotonic() - since < self.idle_seconds and connection.is_usable():
                proceed(connection)
            else:
                self._drop(connection)
                self._line.appendleft(proceed)

    def expire(self) -> float | None:
        """Close what has been idle for too long; seconds until the next one has, or None."""
        with lock():
            while self._idle:
                connection, since = self._idle[0]
                left = since + self.idle_seconds - monotonic()
                if left > 0 and connection in self._connections:
                    return left
                self._idle.popleft()
                self.discard(connection)
            self._is_watched = False
            return None

    def retire(self, holder: object) -> None:
        """Close all when the last holder leaves: the idle now, the others when they come back."""
        with lock():
            self.holders.discard(holder)
            if not self.holders:
                self._retired |= self._connections
                self.close_idle()

    def close_idle(self) -> None:
        """Close the connections that nobody uses."""
        while self._idle:
            self.discard(self._idle.pop()[0])

    def close(self) -> None:
        """Close every connection, also those in use: their calls fail, and give up their places."""
        for connection in list(self._connections):
            connection.close()


_lock = threading.RLock()


def lock() -> AbstractContextManager[object]:
    """The lock of all pools.

    One for all, and reentrant: the garbage collector may end a dropped stream at any point, inside
    the pools' own code too, and with a lock for each two threads could wait for each other. After
    a fork there is a new one, because the thread that held the old one may not be there.
    """
    return _lock


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603 - a lock that another process holds is of no use
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
