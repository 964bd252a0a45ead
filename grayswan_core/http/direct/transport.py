"""Requests over connections that are shared by all models of a process, or of an event loop."""

from __future__ import annotations

import asyncio
import queue
from typing import TYPE_CHECKING, Generic, TypeVar

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
from grayswan_core.http.protocol import Request, WaitTimeoutError
from grayswan_core.limits import Limits

if TYPE_CHECKING:
    import ssl

__all__ = ["AsyncDirectTransport", "DirectTransport"]

_C = TypeVar("_C", bound=Connection)


class _Direct:
    """What both have in common.

    Args:
        limits: How many connections there may be, and how long one may be idle.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._tls: ssl.SSLContext | None = None

    def _key(self, url: str) -> Key:
        address = parse_url(url).address
        if address.scheme == "https" and self._tls is None:
            self._tls = ssl_context()
        tls = self._tls if address.scheme == "https" else None
        limits = self._limits
        return address, tls, max(1, int(limits.max_connections)), limits.idle_seconds

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
        except Exception:
            pool.discard(connection)
            raise
        except BaseException as error:  # noqa: BLE001 - the frames of `ssl` hold the key
            pool.discard(connection)
            raise error.with_traceback(None) from None
        return _Response(pool, connection, parser, deadline)

    def _connection(self, key: Key, deadline: Deadline) -> tuple[SyncPool, SyncConnection]:
        with lock():
            pool = sync_pool(key)
            pool.holders.add(self)
            connection, may_connect = pool.claim()
            if connection is not None:
                return pool, connection
            if not may_connect:
                line: queue.SimpleQueue[SyncConnection | None] = queue.SimpleQueue()
                pool.stand_in_line(line.put)
        if not may_connect:
            connection = _next_in_line(pool, line, deadline)
        if connection is None:
            try:
                connection = SyncConnection.connect(key[0], key[1], deadline)
            except BaseException:
                pool.vacate()
                raise
            pool.add(connection)
        return pool, connection


def _next_in_line(
    pool: SyncPool, line: queue.SimpleQueue[SyncConnection | None], deadline: Deadline
) -> SyncConnection | None:
    try:
        return line.get(timeout=deadline.seconds("pool"))
    except BaseException as error:
        if not pool.leave_line(line.put):
            _hand_on(pool, line.get_nowait())
        if isinstance(error, queue.Empty):
            raise WaitTimeoutError("pool") from error
        raise


def _hand_on(pool: Pool[_C], connection: _C | None) -> None:
    """Give back a connection, or a place, that came too late."""
    if connection is None:
        pool.vacate()
    else:
        pool.give_back(connection)


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
        await (await loop_pools()).retire(self)

    async def _connection(self, key: Key, deadline: Deadline) -> tuple[AsyncPool, AsyncConnection]:
        pool = (await loop_pools()).pool(key)
        pool.holders.add(self)
        connection, may_connect = pool.claim()
        if connection is not None:
            return pool, connection
        if not may_connect:
            connection = await _wait_in_line(pool, deadline)
        if connection is None:
            try:
                connection = await AsyncConnection.connect(key[0], key[1], deadline, pool.forget)
            except BaseException:
                pool.vacate()
                raise
            pool.add(connection)
        return pool, connection


async def _wait_in_line(pool: AsyncPool, deadline: Deadline) -> AsyncConnection | None:
    turn: asyncio.Future[AsyncConnection | None] = asyncio.get_running_loop().create_future()
    pool.stand_in_line(turn.set_result)
    try:
        await asyncio.wait({turn}, timeout=deadline.seconds("pool"))
    except BaseException:
        if not pool.leave_line(turn.set_result):
            _hand_on(pool, turn.result())
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
