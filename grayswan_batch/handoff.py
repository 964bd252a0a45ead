"""Rows from the caller's thread to the event loop's, a few ahead.

A caller's iterable is read in the caller's own thread: a database cursor may not leave it.
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress

from grayswan_batch.rows import Item

__all__ = ["Handoff"]

_AHEAD = 64
_CHECK = 0.1  # seconds


class Handoff:
    """A bounded queue between a thread and an event loop; made in the loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: queue.Queue[Item | _End] = queue.Queue(_AHEAD)
        self._arrived = asyncio.Event()
        self._closed = False

    def feed(self, items: Iterable[Item]) -> None:
        """Hand all items over, and what the iterable raises; ends early once closed."""
        end = _End(None)
        try:
            for item in items:
                if not self._put(item):
                    return
        except Exception as error:  # noqa: BLE001 - raised again where the items are taken
            end = _End(error)
        self._put(end)

    def close(self) -> None:
        """Take no more."""
        self._closed = True

    async def __aiter__(self) -> AsyncIterator[Item]:
        while not isinstance(item := await self._get(), _End):
            yield item
        if item.error is not None:
            raise item.error

    def _put(self, item: Item | _End) -> bool:
        while not self._closed:
            try:
                self._queue.put(item, timeout=_CHECK)
            except queue.Full:
                continue
            if not self._arrived.is_set():
                with suppress(RuntimeError):  # the loop was closed meanwhile
                    self._loop.call_soon_threadsafe(self._arrived.set)
            return True
        return False

    async def _get(self) -> Item | _End:
        while True:
            self._arrived.clear()  # before the look, so that what comes after it wakes us
            try:
                return self._queue.get_nowait()
            except queue.Empty:
                await self._arrived.wait()


class _End:
    """The last item: there are no more, or this went wrong."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error
