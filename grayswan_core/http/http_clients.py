"""The httpx clients of one owner, and their life.

A pool of connections belongs to one process, and an async one also to one event loop. So there
is one sync client per process, made once however many threads ask for it, and for each running
loop a row of async ones. A forked child starts with none. Connections are closed when the owner
is closed or dropped, and when their loop ends; those in use, when the calls that use them end.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import TracebackType
from typing import Any, TypeAlias, TypeVar

import httpx

from grayswan_core.errors import ConfigurationError
from grayswan_core.http.certificates import ssl_context
from grayswan_core.http.loop_clients import CONNECTIONS_PER_CLIENT, LoopClients
from grayswan_core.http.network import Sockets, keep_deadlines
from grayswan_core.http.plain_client import PlainAsyncClient, PlainClient
from grayswan_core.limits import DEFAULT_LIMITS, Limits

__all__ = ["AsyncClient", "AsyncClientMaker", "HttpClients", "SyncClient"]

SyncClient: TypeAlias = httpx.Client
AsyncClient: TypeAlias = httpx.AsyncClient
AsyncClientMaker: TypeAlias = Callable[[], httpx.AsyncClient]

_Client = TypeVar("_Client", httpx.Client, httpx.AsyncClient)


class HttpClients:
    """The httpx clients of one owner.

    Args:
        sync_client: A client to use as it is, instead of one made here; never closed here.
        async_client: The same for async calls; its event loop is its owner's concern. Or a
            function that makes one: called for each event loop, and what it makes is closed.
        limits: How many connections there may be.
    """

    def __init__(
        self,
        sync_client: httpx.Client | None = None,
        async_client: httpx.AsyncClient | AsyncClientMaker | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        _check_kinds(sync_client, async_client)
        self._given_sync = sync_client
        self._given_async = async_client if isinstance(async_client, httpx.AsyncClient) else None
        self._new_row = _row_maker(async_client, limits)
        self._limits = limits
        self._given_used = False
        self._given_by_parent = False
        # Reentrant: the garbage collector may end a dropped stream at any point of this thread.
        self._lock = threading.RLock()
        self._sync: _SyncClient | None = None
        self._at_end: weakref.finalize[..., Any] | None = None
        self._async: dict[asyncio.AbstractEventLoop, LoopClients] = {}
        _alive.add(self)

    @contextmanager
    def sync_client(self) -> Iterator[httpx.Client]:
        """The client for one sync call, for as long as the call takes."""
        if self._given_sync is not None:
            yield self._given(self._given_sync)
            return
        with self._lock:
            if self._sync is None:
                self._sync = _SyncClient(self._limits)
                self._at_end = weakref.finalize(self, self._sync.retire)
            chosen = self._sync
            chosen.calls += 1
        try:
            yield chosen.client
        finally:
            with self._lock:
                chosen.calls -= 1
            if chosen.retired:
                chosen.retire()

    def async_client(self) -> _AsyncLease:
        """The client for one async call on the running loop, for as long as the call takes."""
        return _AsyncLease(self)

    def close(self) -> None:
        """Close every connection, those in use when their calls end. Later calls open new ones."""
        with self._lock:
            chosen, self._sync = self._sync, None
            at_end, self._at_end = self._at_end, None
            rows, self._async = self._async, {}
        if at_end is not None:
            at_end.detach()
        if chosen is not None:
            chosen.retire()
        for loop, clients in rows.items():
            if not loop.is_closed():
                with suppress(RuntimeError):  # it has ended since it was asked
                    loop.call_soon_threadsafe(clients.retire_soon)

    async def aclose(self) -> None:
        """Close every connection; the running loop's unused ones are closed on return."""
        with self._lock:
            clients = self._async.pop(asyncio.get_running_loop(), None)
        if clients is not None:
            await clients.retire()
        self.close()

    async def _row(self) -> LoopClients:
        """The async clients of the running loop."""
        loop = asyncio.get_running_loop()
        row = self._async.get(loop)
        if row is None or row.ended:
            row = await self._new_row()
            with self._lock:
                self._forget_ended_loops()
                self._async[loop] = row
        return row

    def _forget_ended_loops(self) -> None:
        self._async = {loop: row for loop, row in self._async.items() if not loop.is_closed()}

    def _given(self, client: _Client) -> _Client:
        if self._given_by_parent:
            raise ConfigurationError(
                "The httpx client that was passed in has been used before this process was"
                " forked. Its connections are the parent's too, and answers would be mixed up."
                " Make the model, with an httpx client of its own, in each process."
            )
        if client.is_closed:
            raise ConfigurationError("The httpx client that was passed in has been closed.")
        self._given_used = True
        return client

    def _start_afresh(self) -> None:
        """Begin with no connections: after a fork, those there are are the parent's.

        No lock may be waited for here or later: the thread that holds it is not in this process.
        """
        self._lock = threading.RLock()
        self._given_by_parent = self._given_used
        if self._at_end is not None:
            self._at_end.detach()
        if self._sync is not None:
            self._sync.sockets.close()
        self._sync = self._at_end = None
        self._async = {}


class _SyncClient:
    """A sync client, and how many calls use it."""

    def __init__(self, limits: Limits) -> None:
        self.client = PlainClient(**_client_options(limits, limits.max_connections))
        self.sockets: Sockets = keep_deadlines(self.client)
        self.calls = 0
        self.retired = False

    def retire(self) -> None:
        """Close the client, if calls use it when the last of them ends."""
        self.retired = True
        if not self.calls:
            self.client.close()


class _AsyncLease:
    """One call's use of an async client.

    This is no async generator: when a loop ends, it closes all of them at once, and one cannot
    be closed while another closes it.
    """

    def __init__(self, owner: HttpClients) -> None:
        self._owner = owner
        self._row: LoopClients | None = None
        self._place = 0

    async def __aenter__(self) -> httpx.AsyncClient:
        owner = self._owner
        if owner._given_async is not None:  # noqa: SLF001 - one module, one concept
            return owner._given(owner._given_async)  # noqa: SLF001
        self._row = await owner._row()  # noqa: SLF001
        self._place, client = self._row.take()
        return client

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._row is not None:
            await self._row.give_back(self._place)


_alive: weakref.WeakSet[HttpClients] = weakref.WeakSet()


def _close_at_exit() -> None:
    """Close the connections of loops that nobody ended, as notebooks leave them."""
    for clients in list(_alive):
        for loop, row in list(clients._async.items()):  # noqa: SLF001 - one module, one concept
            if not (loop.is_closed() or loop.is_running()):
                with suppress(Exception):  # whatever it is, the process ends now
                    loop.run_until_complete(row.end())


atexit.register(_close_at_exit)


def _after_fork_in_child() -> None:
    for clients in list(_alive):
        clients._start_afresh()  # noqa: SLF001 - one module, one concept


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def _check_kinds(sync_client: object, async_client: object) -> None:
    if not isinstance(sync_client, httpx.Client | None):
        raise ConfigurationError(
            f"http_client takes an httpx.Client, and got {type(sync_client).__name__}."
        )
    if not (isinstance(async_client, httpx.AsyncClient | None) or callable(async_client)):
        raise ConfigurationError(
            "http_async_client takes an httpx.AsyncClient or a function that makes one, and got"
            f" {type(async_client).__name__}."
        )


def _row_maker(
    given: httpx.AsyncClient | AsyncClientMaker | None, limits: Limits
) -> Callable[[], Awaitable[LoopClients]]:
    if callable(given):
        return partial(LoopClients.begin, given, limits.max_connections, limits.max_connections)
    maker = partial(_new_async_client, limits)
    return partial(LoopClients.begin, maker, limits.max_connections, CONNECTIONS_PER_CLIENT)


def _new_async_client(limits: Limits) -> httpx.AsyncClient:
    client = PlainAsyncClient(**_client_options(limits, CONNECTIONS_PER_CLIENT))
    keep_deadlines(client)
    return client


def _client_options(limits: Limits, connections: int) -> dict[str, Any]:
    number = min(connections, limits.max_connections)
    return {
        "verify": ssl_context(),
        "limits": httpx.Limits(
            max_connections=number,
            max_keepalive_connections=number,
            keepalive_expiry=limits.idle_seconds,
        ),
    }
