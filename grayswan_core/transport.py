"""HTTP connections and their life. The only module that imports httpx; import it late.

A pool of connections belongs to one process, and an async one also to one event loop. So there
is one sync client per process, made once however many threads ask for it, and one async client
per running loop. A forked child starts with none. Connections are closed when the owner is
closed or dropped, and when their loop ends.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any

import httpx

from grayswan_core.errors import APIConnectionError, APITimeoutError, ResponseError

if TYPE_CHECKING:
    import ssl

    from grayswan_core.config import Timeout

__all__ = [
    "HttpClients",
    "apieces",
    "aread_head",
    "asend",
    "pieces",
    "read_head",
    "send",
    "translated",
]

MAX_CONNECTIONS = 1000
MAX_IDLE_CONNECTIONS = 100
IDLE_SECONDS = 30.0

_HEAD_SIZE = 64 * 1024


class HttpClients:
    """The httpx clients of one owner.

    Args:
        sync_client: A client to use as it is, instead of one made here; never closed here.
        async_client: The same for async calls; its event loop is its owner's concern.
    """

    def __init__(
        self,
        sync_client: httpx.Client | None = None,
        async_client: httpx.AsyncClient | None = None,
    ) -> None:
        self._given_sync = sync_client
        self._given_async = async_client
        self._start_afresh()
        _alive.add(self)

    def _start_afresh(self) -> None:
        """Begin with no connections, as after a fork, where those there are are the parent's."""
        self._lock = threading.Lock()
        self._sync: httpx.Client | None = None
        self._async: dict[asyncio.AbstractEventLoop, _LoopClient] = {}

    def sync_client(self) -> httpx.Client:
        """The client for sync calls."""
        if self._given_sync is not None:
            return self._given_sync
        with self._lock:
            if self._sync is None:
                self._sync = _new_client()
                weakref.finalize(self, self._sync.close)
            return self._sync

    async def async_client(self) -> httpx.AsyncClient:
        """The client for async calls on the running loop."""
        if self._given_async is not None:
            return self._given_async
        loop = asyncio.get_running_loop()
        entry = self._async.get(loop)
        if entry is None:
            entry = await _LoopClient.begin()
            with self._lock:
                self._forget_ended_loops()
                self._async[loop] = entry
        return entry.client

    def close(self) -> None:
        """Close every connection; a later call opens new ones."""
        with self._lock:
            sync, self._sync = self._sync, None
            entries, self._async = self._async, {}
        if sync is not None:
            sync.close()
        for loop, entry in entries.items():
            if not loop.is_closed():
                with suppress(RuntimeError):  # it has ended since it was asked
                    loop.call_soon_threadsafe(entry.end_soon)

    async def aclose(self) -> None:
        """Close every connection; those of the running loop are closed on return."""
        with self._lock:
            entry = self._async.pop(asyncio.get_running_loop(), None)
        if entry is not None:
            await entry.end()
        self.close()

    def _forget_ended_loops(self) -> None:
        self._async = {loop: entry for loop, entry in self._async.items() if not loop.is_closed()}


class _LoopClient:
    """An async client that is closed when its event loop ends.

    A loop has no hook for its end but this: `asyncio.run`, and every runner like it, closes the
    async generators that are still open. So one waits at its `yield` until then. A generator
    that is dropped instead is closed by its loop as well.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self._guard = _close_at_end(client)

    @classmethod
    async def begin(cls) -> _LoopClient:
        entry = cls(_new_async_client())
        await anext(entry._guard)
        return entry

    async def end(self) -> None:
        await self._guard.aclose()

    def end_soon(self) -> None:
        task = asyncio.ensure_future(self.end())
        _ending.add(task)  # the loop itself keeps only weak references to its tasks
        task.add_done_callback(_ending.discard)


async def _close_at_end(client: httpx.AsyncClient) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await client.aclose()


_ending: set[asyncio.Future[None]] = set()
_alive: weakref.WeakSet[HttpClients] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for clients in list(_alive):
        clients._start_afresh()  # noqa: SLF001 - one module, one concept


os.register_at_fork(after_in_child=_after_fork_in_child)


def send(
    client: httpx.Client, url: str, headers: Mapping[str, str], body: bytes, timeout: Timeout
) -> httpx.Response:
    """Send a POST and give its response, body unread. It is the caller's to close."""
    request = _request(client, url, headers, body, timeout)
    return client.send(request, stream=True, follow_redirects=False)


async def asend(
    client: httpx.AsyncClient, url: str, headers: Mapping[str, str], body: bytes, timeout: Timeout
) -> httpx.Response:
    """`send`, async."""
    request = _request(client, url, headers, body, timeout)
    return await client.send(request, stream=True, follow_redirects=False)


def pieces(response: httpx.Response) -> Iterator[bytes]:
    """The body as it arrives."""
    return response.iter_bytes() if _is_encoded(response) else response.iter_raw()


def apieces(response: httpx.Response) -> AsyncIterator[bytes]:
    """`pieces`, async."""
    return response.aiter_bytes() if _is_encoded(response) else response.aiter_raw()


def read_head(response: httpx.Response) -> bytes:
    """The start of an error's body; what can be read of it, for the status says more."""
    body = b""
    with suppress(httpx.HTTPError):
        for piece in pieces(response):
            body += piece
            if len(body) >= _HEAD_SIZE:
                break
    return body


async def aread_head(response: httpx.Response) -> bytes:
    """`read_head`, async."""
    body = b""
    with suppress(httpx.HTTPError):
        async for piece in apieces(response):
            body += piece
            if len(body) >= _HEAD_SIZE:
                break
    return body


def _is_encoded(response: httpx.Response) -> bool:
    return bool(response.headers.get("content-encoding", "identity") != "identity")


def _request(
    client: httpx.Client | httpx.AsyncClient,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    timeout: Timeout,
) -> httpx.Request:
    waits = {
        "connect": timeout.connect,
        "read": timeout.read,
        "write": timeout.write,
        "pool": timeout.pool,
    }
    return client.build_request(
        "POST", url, headers=dict(headers), content=body, extensions={"timeout": waits}
    )


@contextmanager
def translated() -> Iterator[None]:
    """Lets httpx's errors come out as ours."""
    try:
        yield
    except httpx.HTTPError as error:
        # The request on httpx's error has the key among its headers.
        error.request = None  # type: ignore[assignment]
        raise _ours(error) from error


def _ours(error: httpx.HTTPError) -> APIConnectionError | ResponseError:
    said = str(error) or type(error).__name__
    if isinstance(error, httpx.TimeoutException):
        return APITimeoutError(_TIMEOUTS.get(type(error).__name__, said))
    if isinstance(error, httpx.DecodingError):
        return ResponseError(f"The body of the answer cannot be decoded: {said}")
    if isinstance(error, httpx.ConnectError):
        return APIConnectionError(f"The service cannot be reached: {said}")
    return APIConnectionError(f"The connection broke before the answer ended: {said}")


_TIMEOUTS = {
    "ConnectTimeout": "The service could not be reached in time (timeout `connect`).",
    "ReadTimeout": "The service sent nothing for longer than the timeout `read` allows.",
    "WriteTimeout": "The service took the request too slowly (timeout `write`).",
    "PoolTimeout": "All connections stayed in use for longer than the timeout `pool` allows.",
}


class _NoCookies(CookieJar):
    """Keeps and sends no cookies: they would tie separate requests together."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        pass

    def add_cookie_header(self, request: Any) -> None:
        pass


def _new_client() -> httpx.Client:
    return httpx.Client(**_client_options())


def _new_async_client() -> httpx.AsyncClient:
    return httpx.AsyncClient(**_client_options())


def _client_options() -> dict[str, Any]:
    limits = httpx.Limits(
        max_connections=MAX_CONNECTIONS,
        max_keepalive_connections=MAX_IDLE_CONNECTIONS,
        keepalive_expiry=IDLE_SECONDS,
    )
    return {
        "verify": _ssl_context(),
        "limits": limits,
        "cookies": _NoCookies(),
        "follow_redirects": False,
    }


@cache
def _ssl_context() -> ssl.SSLContext:
    """One for the process: making one costs 20 ms and more, for the certificates it loads."""
    return httpx.create_ssl_context()
