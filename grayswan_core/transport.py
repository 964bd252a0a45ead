"""HTTP connections and their life. The only module that imports httpx; import it late.

A pool of connections belongs to one process, and an async one also to one event loop. So there
is one sync client per process, made once however many threads ask for it, and for each running
loop a row of async ones. A forked child starts with none. Connections are closed when the owner
is closed or dropped, and when their loop ends.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache
from heapq import heappop, heappush
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from grayswan_core.errors import (
    APIConnectionError,
    APITimeoutError,
    ConfigurationError,
    ResponseError,
)

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

MAX_CONNECTIONS = 1024
CONNECTIONS_PER_CLIENT = 16
IDLE_SECONDS = 30.0

_HEAD_SIZE = 64 * 1024

_Client = TypeVar("_Client", httpx.Client, httpx.AsyncClient)


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
        self._close_sync: Callable[[], object] | None = None
        self._async: dict[asyncio.AbstractEventLoop, _LoopClients] = {}

    def sync_client(self) -> httpx.Client:
        """The client for sync calls."""
        if self._given_sync is not None:
            return _still_open(self._given_sync)
        with self._lock:
            if self._sync is None:
                self._sync = _new_client()
                self._close_sync = weakref.finalize(self, self._sync.close)
            return self._sync

    async def async_client(self) -> AbstractContextManager[httpx.AsyncClient]:
        """The client for one async call on the running loop, for as long as the call takes."""
        if self._given_async is not None:
            return nullcontext(_still_open(self._given_async))
        loop = asyncio.get_running_loop()
        clients = self._async.get(loop)
        if clients is None or clients.ended:
            clients = await _LoopClients.begin()
            with self._lock:
                self._forget_ended_loops()
                self._async[loop] = clients
        return clients.one()

    def close(self) -> None:
        """Close every connection; a later call opens new ones."""
        with self._lock:
            close_sync, self._close_sync, self._sync = self._close_sync, None, None
            rows, self._async = self._async, {}
        if close_sync is not None:
            close_sync()  # once called, it lets go of the client
        for loop, clients in rows.items():
            if not loop.is_closed():
                with suppress(RuntimeError):  # it has ended since it was asked
                    loop.call_soon_threadsafe(clients.end_soon)

    async def aclose(self) -> None:
        """Close every connection; those of the running loop are closed on return."""
        with self._lock:
            clients = self._async.pop(asyncio.get_running_loop(), None)
        if clients is not None:
            await clients.end()
        self.close()

    def _forget_ended_loops(self) -> None:
        self._async = {loop: row for loop, row in self._async.items() if not loop.is_closed()}


class _LoopClients:
    """The async clients of one event loop, closed when the loop ends.

    With one client, a burst of calls costs time with its square: at each step httpcore looks at
    every connection of the pool for every idle one. So calls are spread over a row of clients
    with few connections each. A call takes the lowest place that is free, so that calls one
    after the other share one connection.

    A loop has no hook for its end but this: `asyncio.run`, and every runner like it, closes the
    async generators that are still open. So one waits at its `yield` until then. A generator
    that is dropped instead is closed by its loop as well.
    """

    def __init__(self) -> None:
        self._clients: list[httpx.AsyncClient] = []
        self._free: list[int] = []  # a heap
        self._taken = 0
        self._guard = _close_at_end(self._clients)

    @classmethod
    async def begin(cls) -> _LoopClients:
        clients = cls()
        await anext(clients._guard)
        return clients

    @property
    def ended(self) -> bool:
        """Whether its clients have been closed."""
        return any(client.is_closed for client in self._clients)

    @contextmanager
    def one(self) -> Iterator[httpx.AsyncClient]:
        place = heappop(self._free) if self._free else self._taken
        self._taken = max(self._taken, place + 1)
        try:
            yield self._client_of(place % MAX_CONNECTIONS)
        finally:
            heappush(self._free, place)

    def _client_of(self, place: int) -> httpx.AsyncClient:
        index = place // CONNECTIONS_PER_CLIENT
        if index == len(self._clients):
            self._clients.append(_new_async_client())
        return self._clients[index]

    async def end(self) -> None:
        await self._guard.aclose()

    def end_soon(self) -> None:
        task = asyncio.ensure_future(self.end())
        _ending.add(task)  # the loop itself keeps only weak references to its tasks
        task.add_done_callback(_ending.discard)


async def _close_at_end(clients: list[httpx.AsyncClient]) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        for client in clients:
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
    with _noticing_close(client):
        return client.send(request, stream=True, follow_redirects=False)


async def asend(
    client: httpx.AsyncClient, url: str, headers: Mapping[str, str], body: bytes, timeout: Timeout
) -> httpx.Response:
    """`send`, async."""
    request = _request(client, url, headers, body, timeout)
    with _noticing_close(client):
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
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"The base URL cannot be used: {error}") from None


@contextmanager
def _noticing_close(client: httpx.Client | httpx.AsyncClient) -> Iterator[None]:
    """Another thread may close the client between its being taken and its sending."""
    try:
        yield
    except RuntimeError as error:
        if not client.is_closed:
            raise
        raise APIConnectionError("The client was closed before the request was sent.") from error


def _still_open(client: _Client) -> _Client:
    if client.is_closed:
        raise ConfigurationError("The httpx client that was passed in has been closed.")
    return client


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
    return httpx.Client(**_client_options(MAX_CONNECTIONS))


def _new_async_client() -> httpx.AsyncClient:
    return httpx.AsyncClient(**_client_options(CONNECTIONS_PER_CLIENT))


def _client_options(connections: int) -> dict[str, Any]:
    limits = httpx.Limits(
        max_connections=connections,
        max_keepalive_connections=connections,
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
