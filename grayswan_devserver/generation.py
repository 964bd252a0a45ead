"""Runs an engine off the event loop, and stops it when the client goes away."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from threading import Event, Lock
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive

    from grayswan_devserver.engine import Piece, Pieces

__all__ = ["Disconnect", "Generation"]


class Generation:
    """The pieces of one response, taken from a blocking generator in worker threads."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        # A task that is cancelled leaves its worker thread running: the generator must not be
        # closed before that thread has left it.
        self._lock = Lock()

    async def next(self) -> Piece | None:
        """The next piece, or `None` after the last."""
        return await run_in_threadpool(self._next)

    async def rest(self, disconnect: Disconnect) -> list[Piece]:
        """All pieces, or those up to the moment the client went away."""
        return await run_in_threadpool(self._rest, disconnect.happened)

    async def close(self) -> None:
        """Stop the engine; nothing happens if it is done."""
        await run_in_threadpool(self._close)

    def _next(self) -> Piece | None:
        with self._lock:
            return next(self._pieces, None)

    def _rest(self, gone: Event) -> list[Piece]:
        pieces = []
        while not gone.is_set() and (piece := self._next()) is not None:
            pieces.append(piece)
        return pieces

    def _close(self) -> None:
        with self._lock:
            self._pieces.close()


class Disconnect:
    """Whether the client has gone away."""

    def __init__(self) -> None:
        # Worker threads look at the one, the event loop waits for the other.
        self.happened = Event()
        self._told = asyncio.Event()

    @asynccontextmanager
    async def watching(self, receive: Receive) -> AsyncIterator[None]:
        """Notice, inside the block, when the client goes away."""
        watch = asyncio.create_task(self._watch(receive))
        try:
            yield
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch

    async def pause(self, seconds: float) -> None:
        """Sleep, but no longer than the client stays."""
        if seconds > 0:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._told.wait(), seconds)

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.happened.set()
        self._told.set()
