"""Requests over connections that are shared by all models of a process, or of an event loop."""

from __future__ import annotations

import asyncio
import queue
from typing import Generic, TypeVar

from grayswan_core.http.address import parse_url
from grayswan_core.http.certificates import ssl_context
from grayswan_core.http.deadline import Deadline
from grayswan_core.http.direct.async_connection import AsyncConnection
from grayswan_core.http.direct.parser import ResponseParser
from grayswan_core.http.direct.pool import Connection, Pool, lock
from grayswan_core.http.direct.shared import (
    AsyncPool,
    Key,
    SyncPool,
    close_all,
    loop_pools,
    sync_pool,
)
from grayswan_core.http.direct.sync_connection import SyncConnection
from grayswan_core.http.loop_end import closed
from grayswan_core.http.protocol import Request, WaitTimeoutError
from grayswan_core.limits import Limits

__all__ = ["AsyncDirectTransport", "DirectTransport"]

_C = TypeVar("_C", bound=Connection)


class _Direct:
    """What both have in common.

    Args:
        limits: How many connections there may be, and how long one may be idle.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = max(1, int(limits.max_connections)), limits.idle_seconds

    def _key(self, url: str) -> Key:
        address = parse_url(url).address
        return address, ssl_context() if address.scheme == "https" else None, *self._limits

    def close(self) -> None:
        """Close what no other transport uses; connections in use, when their calls end."""
        close_all(self)


class DirectTransport(_Direct):
    """Sync requests, from any number of threads."""

    def open(self, request: Request, deadline: Deadline) -> _Response:
        """Send a request, and wait for the head of its response."""
        pool, connection = self._connection(self._key(request.url), deadline)
        try:
            parser = connection.request(request, deadline)
        except BaseException as error:
            pool.discard(connection)
            if isinstance(error, Exception):
                raise
            raise error.with_traceback(None) from None  # the frames of `ssl` hold the key
        return _Response(pool, connection, parser, deadline)

    def _connection(self, key: Key, deadline: Deadline) -> tuple[SyncPool, SyncConnection]:
        line: queue.SimpleQueue[SyncConnection | None] = queue.SimpleQueue()
        with lock():
            pool = sync_pool(key)
            pool.holders.add(self)
            pool.claim(line.put)
        connection = line.get() if line.qsize() else _wait_in_line(pool, line, deadline)
        if connection is None:
            try:
                connection = SyncConnection.connect(key[0], key[1], deadline)
            except BaseException:
                pool.give_back(None)
                raise
            pool.add(connection)
        return pool, connection


def _wait_in_line(
    pool: SyncPool, line: queue.SimpleQueue[SyncConnection | None], deadline: Deadline
) -> SyncConnection | None:
    try:
        return line.get(timeout=deadline.seconds("pool"))
    except BaseException as error:
        if not pool.leave_line(line.put):
            pool.give_back(line.get())
        if isinstance(error, queue.Empty):
            raise WaitTimeoutError("pool") from error
        raise


class AsyncDirectTransport(_Direct):
    """Async requests, from any number of event loops."""

    async def aopen(self, request: Request, deadline: Deadline) -> _AsyncResponse:
        """Send a request, and wait for the head of its response."""
        pool, connection = await self._connection(self._key(request.url), deadline)
        try:
            parser = await connection.request(request, deadline)
        except BaseException:
            pool.discard(connection)
            raise
        return _AsyncResponse(pool, connection, parser, deadline)

    async def aclose(self) -> None:
        """`close`; the running loop's unused connections are closed before this returns."""
        self.close()
        await closed()

    async def _connection(self, key: Key, deadline: Deadline) -> tuple[AsyncPool, AsyncConnection]:
        pool = (await loop_pools()).pool(key)
        pool.holders.add(self)
        turn: asyncio.Future[AsyncConnection | None] = asyncio.get_running_loop().create_future()
        pool.claim(turn.set_result)
        connection = turn.result() if turn.done() else await _wait_for_turn(pool, turn, deadline)
        if connection is None:
            try:
                connection = await AsyncConnection.connect(key[0], key[1], deadline, pool.discard)
            except BaseException:
                pool.give_back(None)
                raise
            pool.add(connection)
        return pool, connection


async def _wait_for_turn(
    pool: AsyncPool, turn: asyncio.Future[AsyncConnection | None], deadline: Deadline
) -> AsyncConnection | None:
    try:
        await asyncio.wait({turn}, timeout=deadline.seconds("pool"))
    except BaseException:
        if not pool.leave_line(turn.set_result):
            pool.give_back(turn.result())
        raise
    if pool.leave_line(turn.set_result):
        raise WaitTimeoutError("pool")
    return turn.result()


class _Exchange(Generic[_C]):
    """A response that is being read, and the connection it comes over."""

    may_linger = True

    def __init__(
        self, pool: Pool[_C], connection: _C, parser: ResponseParser, deadline: Deadline
    ) -> None:
        self._pool = pool
        self._connection = connection
        self._parser = parser
        self._deadline = deadline
        self._is_open = True
        self.status = parser.status
        self.headers = parser.headers

    def close(self) -> None:
        """Give the connection back if the response is complete, else close it."""
        if self._is_open:
            self._is_open = False
            self._parser.release()
            if self._parser.reusable:
                self._pool.give_back(self._connection)
            else:
                self._pool.discard(self._connection)


class _Response(_Exchange[SyncConnection]):
    def read(self) -> bytes:
        """The next piece of the body as it arrives; nothing at its end."""
        parser = self._parser
        while not parser.buffered and not parser.complete:
            self._connection.receive(parser, self._deadline)
        return parser.take()


class _AsyncResponse(_Exchange[AsyncConnection]):
    async def aread(self) -> bytes:
        """The next piece of the body as it arrives; nothing at its end."""
        return await self._connection.read(self._parser, self._deadline)

    async def aclose(self) -> None:
        """`close`; it never waits, so that no cancellation can interrupt it."""
        self.close()
