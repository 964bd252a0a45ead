"""Sync requests over httpx: for a caller's client, for proxies, or because it is asked for."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import httpx

from grayswan_core.http.deadline import Deadline
from grayswan_core.http.httpx_client import (
    Head,
    HttpxClient,
    client_options,
    translating,
)
from grayswan_core.http.protocol import Request
from grayswan_core.http.proxies import Proxy
from grayswan_core.limits import Limits

__all__ = ["HttpxTransport"]


class HttpxTransport:
    """A caller's client, or one client of its own for each process.

    Args:
        given: The caller's; never closed here.
        limits: How many connections there may be, and how long one may be idle.
        proxy: What to connect through.
    """

    def __init__(self, given: Any, limits: Limits, proxy: Proxy | None) -> None:
        self._given: HttpxClient | None = None
        if given is not None:
            self._given = HttpxClient(given, "Client", is_own=False)
        self._limits = limits
        self._proxy = proxy
        # Reentrant: the garbage collector may end a dropped stream at any point of this thread.
        self._lock = threading.RLock()
        self._own: _OwnClient | None = None
        _transports.add(self)

    def open(self, request: Request, deadline: Deadline) -> _Response:
        """Send a request, and wait for the head of its response."""
        if self._given is not None:
            self._given.check()
            return self._send(self._given, None, request, deadline)
        own = self._take(request.url)
        try:
            return self._send(own, own, request, deadline)
        except BaseException:
            own.give_back()
            raise

    def close(self) -> None:
        """Close the client; where calls use it, when the last of them ends."""
        with self._lock:
            own, self._own = self._own, None
        if own is not None:
            own.retire()

    def _take(self, url: str) -> _OwnClient:
        with self._lock:
            if self._own is None:
                self._own = _OwnClient(client_options(url, self._limits, self._proxy))
                weakref.finalize(self, self._own.retire)
            self._own.take()
            return self._own

    def _send(
        self, client: HttpxClient, own: _OwnClient | None, request: Request, deadline: Deadline
    ) -> _Response:
        try:
            with translating(client, self._proxy):
                response = client.client.send(
                    client.request(request, deadline), stream=True, follow_redirects=False
                )
        except Exception:
            raise
        except BaseException as error:  # noqa: BLE001 - the frames of httpx hold the key
            raise error.with_traceback(None) from None
        if own is not None:
            own.note(response)
        return _Response(client, own, response, deadline)

    def start_afresh(self) -> None:
        """Close this process's copies of its parent's connections; wait for no lock of theirs."""
        self._lock = threading.RLock()
        own, self._own = self._own, None
        if own is not None:
            own.drop()


_transports: weakref.WeakSet[HttpxTransport] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for transport in list(_transports):
        transport.start_afresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


class _OwnClient(HttpxClient):
    """A client of our own, and how many calls use it."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__(httpx.Client(**options), "Client", is_own=True)
        self._lock = threading.RLock()
        self._calls = 0
        self._retired = False
        self._sockets: weakref.WeakSet[Any] = weakref.WeakSet()

    def note(self, response: Any) -> None:
        """Know the socket that a response came over."""
        stream = response.extensions.get("network_stream")
        if stream is not None:
            self._sockets.add(stream.get_extra_info("socket"))

    def drop(self) -> None:
        """Close the sockets alone: to close the client could wait for a lock that nobody holds."""
        for each in list(self._sockets):
            each.close()

    def take(self) -> None:
        with self._lock:
            self._calls += 1

    def give_back(self) -> None:
        with self._lock:
            self._calls -= 1
        if self._retired:
            self.retire()

    def retire(self) -> None:
        """Close it; where calls use it, when the last of them ends."""
        self._retired = True
        if not self._calls and self.is_of_this_process:
            self.client.close()


class _Response(Head):
    may_linger = False  # its waits are fixed when they begin

    def __init__(
        self, client: HttpxClient, own: _OwnClient | None, response: Any, deadline: Deadline
    ) -> None:
        super().__init__(response)
        self._client = client
        self._own = own
        self._response = response
        self._deadline = deadline
        self._pieces: Iterator[bytes] | None = None

    def read(self) -> bytes:
        """The next piece of the body as it arrives; nothing at its end."""
        try:
            with translating(self._client):
                if self._pieces is None:
                    self._pieces = self._begin()
                return next((piece for piece in self._pieces if piece), b"")
        except Exception:
            raise
        except BaseException as error:  # noqa: BLE001 - the frames of httpx hold the key
            raise error.with_traceback(None) from None

    def _begin(self) -> Iterator[bytes]:
        response = self._response
        if response.is_stream_consumed:
            return iter((response.content,))
        # httpx looks at it when the body begins. Until here it was the wait for the head.
        timeouts = response.request.extensions.get("timeout")
        if isinstance(timeouts, dict):
            timeouts["read"] = self._deadline.seconds("read")
        pieces: Iterator[bytes] = response.iter_raw()
        return pieces

    def close(self) -> None:
        """Give the connection back if the response is complete, else close it."""
        try:
            self._response.close()
        finally:
            own, self._own = self._own, None
            if own is not None:
                own.give_back()
