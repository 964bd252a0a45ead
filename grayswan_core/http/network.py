"""Sockets that keep a call's deadline, and that a forked child can close. Beneath httpx.

httpx's timeouts are for one wait each: a server that sends a byte now and then, be it of a
header or of a comment, never runs into them. The sockets here ask before each wait how long it
still may be (`deadline.Wait`, which httpx hands down to them unchanged).

httpx has no public way to set a network backend, so `keep_deadlines` reaches into its client.
Where it finds nothing to reach into, the deadlines are still checked at each piece of a body.
"""

from __future__ import annotations

import select
import socket
import threading
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from ssl import SSLContext
from typing import Any

import httpcore
import httpx

from grayswan_core.http.deadline import Wait

__all__ = ["Sockets", "answers_nothing", "keep_deadlines", "keeps_deadlines"]

# One wait is for one piece of a request, however long the request is.
_WRITE_SIZE = 64 * 1024

_CAN_POLL = hasattr(select, "poll")  # Windows has none


class Sockets:
    """The sockets a client has open."""

    def __init__(self) -> None:
        self._streams: weakref.WeakSet[_Stream] = weakref.WeakSet()

    def add(self, stream: _Stream) -> None:
        self._streams.add(stream)

    def close(self) -> None:
        """Close them in this process, without a lock and without a word to the other side."""
        for stream in list(self._streams):
            with suppress(Exception):
                stream.get_extra_info("socket").close()


def keep_deadlines(client: httpx.Client | httpx.AsyncClient) -> Sockets:
    """Make a client, which must not have been used, keep deadlines. Gives its sockets."""
    sockets = Sockets()
    mounts = getattr(client, "_mounts", {})
    for transport in (getattr(client, "_transport", None), *mounts.values()):
        pool = getattr(transport, "_pool", None)
        backend = getattr(pool, "_network_backend", None)
        if isinstance(backend, httpcore.NetworkBackend):
            pool._network_backend = _Backend(backend, sockets)  # type: ignore[union-attr] # noqa: SLF001 - see above
            _make_reentrant(pool)
        elif isinstance(backend, httpcore.AsyncNetworkBackend):
            pool._network_backend = _AsyncBackend(backend)  # type: ignore[union-attr] # noqa: SLF001 - see above
    return sockets


def _make_reentrant(pool: Any) -> None:
    # The garbage collector may close a dropped stream at any point, inside the pool's own code
    # too. Its thread would then wait for itself.
    lock = getattr(pool, "_optional_thread_lock", None)
    if lock is not None:
        lock._lock = threading.RLock()  # noqa: SLF001 - see above


def keeps_deadlines(response: httpx.Response) -> bool:
    """Whether the socket that a response comes from is one of ours."""
    stream = response.extensions.get("network_stream")
    return isinstance(stream, _Stream | _AsyncStream)


def answers_nothing(response: httpx.Response) -> bool:
    """Whether a response was there before its request: it is an answer to none, or to another.

    Bytes beyond the end of an answer stay in the parser, and the parser would take them for the
    next answer. An answer to a request needs a read after that request was written.
    """
    stream = response.extensions.get("network_stream")
    return isinstance(stream, _Stream | _AsyncStream) and not stream.heard


def _now(timeout: float | None, late: Callable[[], Exception]) -> float | None:
    """How long to wait now."""
    if not isinstance(timeout, Wait):
        return timeout
    wait = timeout.now()
    if wait is not None and wait <= 0:
        raise late()
    return wait


def _is_readable(open_or_not: socket.socket) -> bool:
    """Whether a read would give something at once: bytes, the end, or an error."""
    if open_or_not.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(open_or_not, select.POLLIN)
    return bool(poll.poll(0))


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, sockets: Sockets) -> None:
        self.heard = False  # anything since the last thing that was said
        self._inner = inner
        self._sockets = sockets
        sockets.add(self)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.heard = True
        return self._inner.read(max_bytes, _now(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.heard = False
        for place in range(0, len(buffer), _WRITE_SIZE):
            piece = buffer[place : place + _WRITE_SIZE]
            self._inner.write(piece, _now(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        wait = _now(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, wait), self._sockets)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, inner: httpcore.NetworkBackend, sockets: Sockets) -> None:
        self._inner = inner
        self._sockets = sockets

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        wait = _now(timeout, httpcore.ConnectTimeout)
        stream = self._inner.connect_tcp(host, port, wait, local_address, socket_options)
        return _Stream(stream, self._sockets)

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        wait = _now(timeout, httpcore.ConnectTimeout)
        stream = self._inner.connect_unix_socket(path, wait, socket_options)
        return _Stream(stream, self._sockets)

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _AsyncStream(httpcore.AsyncNetworkStream):
    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self.heard = False
        self._inner = inner
        self._socket = inner.get_extra_info("socket")

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.heard = True
        return await self._inner.read(max_bytes, _now(timeout, httpcore.ReadTimeout))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.heard = False
        for place in range(0, len(buffer), _WRITE_SIZE):
            piece = buffer[place : place + _WRITE_SIZE]
            await self._inner.write(piece, _now(timeout, httpcore.WriteTimeout))

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        wait = _now(timeout, httpcore.ConnectTimeout)
        return _AsyncStream(await self._inner.start_tls(ssl_context, server_hostname, wait))

    def get_extra_info(self, info: str) -> Any:
        # httpcore asks this of a connection several times a call, and anyio's way to the socket
        # costs ten times what looking at it does.
        if info == "is_readable" and self._socket is not None and _CAN_POLL:
            return _is_readable(self._socket)
        return self._inner.get_extra_info(info)


class _AsyncBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, inner: httpcore.AsyncNetworkBackend) -> None:
        self._inner = inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        wait = _now(timeout, httpcore.ConnectTimeout)
        stream = await self._inner.connect_tcp(host, port, wait, local_address, socket_options)
        return _AsyncStream(stream)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        wait = _now(timeout, httpcore.ConnectTimeout)
        return _AsyncStream(await self._inner.connect_unix_socket(path, wait, socket_options))

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)
