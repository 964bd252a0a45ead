"""Async requests over httpx: for a caller's client, for proxies, or because it is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import suppress
from math import inf
from typing import Any

import httpx

from grayswan_core.http.deadline import Deadline
from grayswan_core.http.httpx_cancel import HttpxCancellation
from grayswan_core.http.httpx_client import (
    Head,
    HttpxClient,
    client_options,
    translating,
)
from grayswan_core.http.loop_end import at_loop_end, closed
from grayswan_core.http.own_task import in_own_task, leave_to_loop
from grayswan_core.http.protocol import Request
from grayswan_core.http.proxies import Proxy
from grayswan_core.limits import Limits

__all__ = ["AsyncHttpxTransport"]


class AsyncHttpxTransport:
    """A caller's client, or one client of its own for each event loop.

    Args:
        given: The caller's, never closed here; or a function that makes one for each loop.
        limits: How many connections there may be, and how long one may be idle.
        proxy: What to connect through.
    """

    def __init__(self, given: Any, limits: Limits, proxy: Proxy | None) -> None:
        self._given: HttpxClient | None = None
        self._new_client = given if callable(given) else None
        if given is not None and self._new_client is None:
            self._given = HttpxClient(given, "AsyncClient", is_own=False)
        self._limits = limits
        self._proxy = proxy
        self._loops: dict[asyncio.AbstractEventLoop, _LoopClient] = {}

    async def aopen(self, request: Request, deadline: Deadline) -> _AsyncResponse:
        """Send a request, and wait for the head of its response."""
        if self._given is not None:
            self._given.check()
            client, own = self._given, None
        else:
            own = await self._loop_client(request.url)
            client = own.client
            own.calls += 1
        seconds = deadline.remaining()
        cancel = HttpxCancellation(at_once=not client.is_own)
        sending = client.client.send(
            client.request(request, deadline, trace=cancel.trace),
            stream=True,
            follow_redirects=False,
        )
        try:
            with translating(client, self._proxy):
                response = await in_own_task(
                    sending, None if seconds == inf else seconds, _close_unread, cancel
                )
        except BaseException:
            _done(own)
            raise
        return _AsyncResponse(client, own, response, deadline, cancel)

    def close(self) -> None:
        """Close the clients; where calls use one, when the last of them ends."""
        clients, self._loops = self._loops, {}
        for loop, own in list(clients.items()):
            if not loop.is_closed():
                with suppress(RuntimeError):  # it has ended since
                    loop.call_soon_threadsafe(own.retire_soon)

    async def aclose(self) -> None:
        """`close`; the running loop's unused connections are closed before this returns."""
        own = self._loops.pop(asyncio.get_running_loop(), None)
        if own is not None:
            await own.retire()
        self.close()

    async def _loop_client(self, url: str) -> _LoopClient:
        loop = asyncio.get_running_loop()
        own = self._loops.get(loop)
        if own is None or own.client.client.is_closed:
            make = self._new_client or (
                lambda: httpx.AsyncClient(**client_options(url, self._limits, self._proxy))
            )
            own = _LoopClient(HttpxClient(make(), "AsyncClient", is_own=self._new_client is None))
            # A copy, since other threads have loops that begin meanwhile.
            for ended in [each for each in list(self._loops) if each.is_closed()]:
                self._loops.pop(ended, None)
            self._loops[loop] = own
            await own.begin()
        return own


class _Closing(asyncio.Task[None]):
    """Closes a client. Runners cancel all tasks at their end, and httpcore would close no more."""

    def cancel(self, msg: object = None) -> bool:
        return False


class _LoopClient:
    """A client of one event loop, closed when the loop ends, and how many calls use it."""

    def __init__(self, client: HttpxClient) -> None:
        self.client = client
        self.calls = 0
        self._retired = False
        self._closing: asyncio.Future[None] | None = None
        self._guard: AsyncGenerator[None, None] = at_loop_end(self._close)

    async def begin(self) -> None:
        await anext(self._guard)

    async def retire(self) -> None:
        """Close it; where calls use it, when the last of them ends."""
        self._retired = True
        if not self.calls:
            await self._close()
            with suppress(RuntimeError):  # the loop is ending, and at it already
                await self._guard.aclose()  # which has nothing left to wait for

    def retire_soon(self) -> None:
        """`retire`, from outside the loop."""
        leave_to_loop(asyncio.ensure_future(self.retire()))

    async def _close(self) -> None:
        """Close it, once, also where it is retired while the loop ends."""
        if self._closing is None:
            self._closing = _Closing(self._end())
        if not self._closing.done():
            await asyncio.shield(self._closing)

    async def _end(self) -> None:
        await self.client.client.aclose()
        await closed()

    def done(self) -> None:
        """A call has ended."""
        self.calls -= 1
        if self._retired:
            self.retire_soon()


def _done(own: _LoopClient | None) -> None:
    if own is not None:
        own.done()


class _AsyncResponse(Head):
    may_linger = True

    def __init__(
        self,
        client: HttpxClient,
        own: _LoopClient | None,
        response: Any,
        deadline: Deadline,
        cancel: HttpxCancellation,
    ) -> None:
        super().__init__(response)
        self._client = client
        self._own = own
        self._response = response
        self._deadline = deadline
        self._cancel = cancel
        self._pieces: AsyncIterator[bytes] | None = None
        self._reading: asyncio.Task[bytes] | None = None

    async def aread(self) -> bytes:
        """The next piece of the body as it arrives; nothing at its end."""
        if self._pieces is None:
            response = self._response
            # A hook of the caller's client may have read it.
            consumed = response.is_stream_consumed
            self._pieces = _aiter((response.content,)) if consumed else response.aiter_raw()
        seconds = self._deadline.seconds("read")
        with translating(self._client):
            return await in_own_task(self._next(self._pieces), seconds, cancel=self._cancel)

    async def _next(self, pieces: AsyncIterator[bytes]) -> bytes:
        self._reading = asyncio.current_task()
        try:
            async for piece in pieces:
                if piece:
                    return piece
            return b""
        finally:
            self._reading = None

    async def aclose(self) -> None:
        """Close it in a task of its own; this never waits, so that nothing can interrupt it."""
        if not self._response.is_closed:
            leave_to_loop(asyncio.ensure_future(_close(self._reading, self._response)))
        own, self._own = self._own, None
        _done(own)


async def _close(reading: asyncio.Task[bytes] | None, response: Any) -> None:
    if reading is not None:
        await asyncio.wait({reading})
    with suppress(Exception):  # nobody waits for what this could say
        await response.aclose()


def _close_unread(response: Any) -> None:
    leave_to_loop(asyncio.ensure_future(_close(None, response)))


async def _aiter(items: Iterable[bytes]) -> AsyncIterator[bytes]:
    for item in items:
        yield item
