"""The async httpx clients of one event loop, and their end with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

__all__ = ["CONNECTIONS_PER_CLIENT", "LoopClients"]

CONNECTIONS_PER_CLIENT = 2


class LoopClients:
    """The async clients of one event loop, closed when the loop ends.

    With one client, a burst of calls costs time with its square: at each step httpcore looks at
    every connection of the pool for every idle one. So calls are spread over a row of clients
    with few connections each. A call takes the lowest place that is free, so that calls one
    after the other share one connection.

    A loop has no hook for its end but this: `asyncio.run`, and every runner like it, closes the
    async generators that are still open. So one waits at its `yield` until then. A generator
    that is dropped instead is closed by its loop as well.

    Args:
        new_client: Makes a client.
        places: How many calls may have a connection at once.
        places_per_client: How many of them one client serves.
    """

    def __init__(
        self, new_client: Callable[[], httpx.AsyncClient], places: int, places_per_client: int
    ) -> None:
        self._new_client = new_client
        self._places = places
        self._places_per_client = places_per_client
        self._clients: list[httpx.AsyncClient] = []
        self._calls: list[int] = []
        self._free: list[int] = []  # a heap
        self._taken = 0
        self._retired = False
        self._guard = _close_at_end(self._clients)

    @classmethod
    async def begin(
        cls, new_client: Callable[[], httpx.AsyncClient], places: int, places_per_client: int
    ) -> LoopClients:
        """A row on the running loop."""
        row = cls(new_client, places, places_per_client)
        await anext(row._guard)
        return row

    @property
    def ended(self) -> bool:
        """Whether its clients have been closed, or are being closed: the first goes first."""
        return bool(self._clients) and self._clients[0].is_closed

    def take(self) -> tuple[int, httpx.AsyncClient]:
        """A place in the row, and its client."""
        place = heappop(self._free) if self._free else self._taken
        self._taken = max(self._taken, place + 1)
        index = self._index(place)
        if index == len(self._clients):
            self._clients.append(self._new_client())
            self._calls.append(0)
        self._calls[index] += 1
        return place, self._clients[index]

    async def give_back(self, place: int) -> None:
        """Leave a place, as the last one of a retired row by closing the client."""
        index = self._index(place)
        heappush(self._free, place)
        self._calls[index] -= 1
        if self._retired and not self._calls[index]:
            await self._clients[index].aclose()

    async def retire(self) -> None:
        """Close the clients that no call uses now, and the others when none uses them."""
        self._retired = True
        for calls, client in zip(self._calls, self._clients, strict=True):
            if not calls:
                await client.aclose()
        if not any(self._calls):
            await self.end()

    async def end(self) -> None:
        """Close all clients, in use or not."""
        await self._guard.aclose()

    def retire_soon(self) -> None:
        """`retire`, from outside the loop."""
        task = asyncio.ensure_future(self.retire())
        _ending.add(task)  # the loop itself keeps only weak references to its tasks
        task.add_done_callback(_ending.discard)

    def _index(self, place: int) -> int:
        return place % self._places // self._places_per_client


async def _close_at_end(clients: list[httpx.AsyncClient]) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        if _is_on_a_loop():  # or the loop has ended without closing its generators
            for client in clients:
                await client.aclose()


def _is_on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


_ending: set[asyncio.Future[None]] = set()
