"""A connection as an asyncio protocol."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING

from grayswan_core.http.address import Address
from grayswan_core.http.deadline import Deadline
from grayswan_core.http.direct.lookup import SocketAddress, look_up
from grayswan_core.http.direct.parser import ResponseParser
from grayswan_core.http.direct.wire import (
    closed_on_error,
    connect_error,
    is_silent,
    new_socket,
    piece,
    piece_count,
)
from grayswan_core.http.own_task import in_own_task
from grayswan_core.http.protocol import Request, WaitTimeoutError

if TYPE_CHECKING:
    import ssl

__all__ = ["AsyncConnection"]


# Bytes of a body that may wait for their reader before the server has to.
_MAX_BUFFERED = 256 * 1024


class AsyncConnection(asyncio.Protocol):
    """A connection of one event loop that one call uses at a time.

    Args:
        loop: The loop.
        connected: The socket.
        on_close: Called when it is closed, by whomever.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connected: socket.socket,
        on_close: Callable[[AsyncConnection], None],
    ) -> None:
        self._loop = loop
        self._socket = connected
        self._on_close = on_close
        self._process = os.getpid()
        self._transport: asyncio.Transport | None = None
        self._parser: ResponseParser | None = None
        self._is_open = False
        self._reads = self._writes = True
        self._waiter: asyncio.Future[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = self._due = inf

    @classmethod
    async def connect(
        cls,
        address: Address,
        context: ssl.SSLContext | None,
        deadline: Deadline,
        on_close: Callable[[AsyncConnection], None],
    ) -> AsyncConnection:
        """Connect, TLS included, to the first of the host's addresses that answers.

        Raises:
            ConnectError: none does.
            WaitTimeoutError: none does in time.
        """
        seconds = deadline.seconds("connect")

        async def work() -> AsyncConnection:
            loop = asyncio.get_running_loop()
            end = None if seconds is None else loop.time() + seconds
            connected = await _first_socket(await asyncio.wrap_future(look_up(address)), end)
            _, connection = await loop.create_connection(
                lambda: cls(loop, connected, on_close),
                sock=connected,
                ssl=context,
                server_hostname=None if context is None else address.host,
            )
            return connection

        try:
            return await in_own_task(work(), seconds, AsyncConnection.close)
        except (OSError, asyncio.TimeoutError) as error:
            raise connect_error(error) from error

    async def request(self, request: Request, deadline: Deadline) -> ResponseParser:
        """Send a request and parse its response as far as the end of its head."""
        self._parser = parser = ResponseParser()
        if not self._is_open:
            parser.feed_eof()  # it ended before its call could begin, and says nothing more
        for number in range(piece_count(request)):
            while not self._writes and self._is_open and not parser.has_head:
                await self._wait(parser, deadline, "write")
            if not self._is_open or parser.has_head or self._transport is None:
                parser.forbid_reuse()  # it answered before it had all of the request
                break
            self._transport.write(piece(request, number))
        while not parser.has_head:
            await self._wait(parser, deadline, "read")
        return parser

    async def read(self, parser: ResponseParser, deadline: Deadline) -> bytes:
        """The next piece of the body; nothing at its end."""
        while not parser.buffered and not parser.complete:
            await self._wait(parser, deadline, "read")
        if not self._reads and self._transport is not None:
            self._reads = True
            self._transport.resume_reading()
        return parser.take()

    async def _wait(self, parser: ResponseParser, deadline: Deadline, wait: str) -> None:
        """Wait until something happens, while the response can still be completed."""
        parser.check()
        self._set_alarm(deadline.seconds(wait))
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        except asyncio.TimeoutError as error:
            raise WaitTimeoutError(wait) from error
        finally:
            self._waiter = None

    def _set_alarm(self, seconds: float | None) -> None:
        """Let a wait end. There is one timer, which is moved when it rings, not at each wait."""
        self._due = inf if seconds is None else self._loop.time() + seconds
        if self._due < self._alarm_at:
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm = self._loop.call_at(self._due, self._ring)
            self._alarm_at = self._due

    def _ring(self) -> None:
        self._alarm_at = inf
        if self._waiter is not None and not self._waiter.done():
            left = self._due - self._loop.time()
            if left > 0:
                self._set_alarm(left)
            else:
                self._waiter.set_exception(asyncio.TimeoutError())

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # --- the pool's

    def is_usable(self) -> bool:
        """Whether it is open, reads, and nothing has arrived since the last response."""
        parser = self._parser
        answered = parser is None or (parser.complete and parser.reusable)
        return self._is_open and self._reads and answered and is_silent(self._socket)

    def close(self) -> None:
        """Close it without waiting; the peer sees it within a turn of the loop."""
        self._is_open = False
        if self._alarm is not None:
            self._alarm.cancel()
        if self._loop.is_closed():  # without having closed what it had open
            self._socket.close()
        elif self._process != os.getpid():
            self._close_copy()
        elif self._transport is not None:
            self._transport.abort()

    def _close_copy(self) -> None:
        """Close what a forked child has of it, and leave the parent its connection."""
        self._socket.close()
        # Both share a selector: what the child takes out of it while its socket is open is
        # taken from the parent too. uvloop keeps it open.
        if self._transport is not None and self._socket.fileno() < 0:
            with suppress(RuntimeError):  # the thread of the loop is not in this process
                self._transport.abort()

    # --- called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment] # of a stream, it is a Transport
        self._is_open = True

    def data_received(self, data: bytes) -> None:
        parser = self._parser
        if parser is None or parser.complete:
            self.close()  # a response without a request
            return
        parser.feed(data)
        if parser.buffered > _MAX_BUFFERED and self._reads and self._transport is not None:
            self._reads = False
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self._end()

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None and self._parser is not None:
            self._parser.fail(error)
        self._end()
        self.close()
        self._transport = None
        self._on_close(self)

    def pause_writing(self) -> None:
        self._writes = False

    def resume_writing(self) -> None:
        self._writes = True
        self._wake()

    def _end(self) -> None:
        self._is_open = False
        if self._parser is not None:
            self._parser.feed_eof()
        self._wake()


async def _first_socket(found: list[SocketAddress], end: float | None) -> socket.socket:
    error: OSError | asyncio.TimeoutError | None = None
    for number, where in enumerate(found):
        others = len(found) - number
        try:
            if others == 1 or end is None:
                return await _socket(where)
            # Each has its share of the time, so that one that is silent does not take all.
            share = (end - asyncio.get_running_loop().time()) / others
            return await in_own_task(_socket(where), share, socket.socket.close)
        except (OSError, asyncio.TimeoutError) as failure:
            error = failure
    raise error or OSError("its host name has no address")


async def _socket(where: SocketAddress) -> socket.socket:
    family, kind, protocol, address = where
    connecting = new_socket(family, kind, protocol)
    # Not closed sooner: its number may be another socket's at once, which the loop would confuse.
    with closed_on_error(connecting):
        connecting.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connecting, address)
    return connecting
