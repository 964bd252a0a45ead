"""The pools of a process, for sync calls, and of each event loop; and when they end.

Pools are shared by all transports with the same address, TLS and limits. Idle connections are
closed when their time is up, without a further call: those of a loop by its timer, the sync ones
by a thread that exists only while there are any. All are closed when their loop or the
interpreter ends. A forked child starts with none.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import ssl
import threading
from contextlib import suppress
from time import monotonic
from typing import TypeAlias, TypeVar

from grayswan_core.http.address import Address
from grayswan_core.http.direct.async_connection import AsyncConnection
from grayswan_core.http.direct.pool import Connection, Pool, lock
from grayswan_core.http.direct.sync_connection import SyncConnection
from grayswan_core.http.loop_end import at_loop_end

__all__ = ["AsyncPool", "Key", "LoopPools", "SyncPool", "close_all", "loop_pools", "sync_pool"]

Key: TypeAlias = tuple[Address, "ssl.SSLContext | None", int, float]
"""Address, TLS, and the two limits that are about connections."""
_C = TypeVar("_C", bound=Connection)

SyncPool: TypeAlias = Pool[SyncConnection]
AsyncPool: TypeAlias = Pool[AsyncConnection]

_sync: dict[Key, SyncPool] = {}
_loops: dict[asyncio.AbstractEventLoop, LoopPools] = {}


def sync_pool(key: Key) -> SyncPool:
    """The process's pool for a key. It may be forgotten when `lock` is not held."""
    pool = _sync.get(key)
    if pool is None:
        pool = _sync[key] = Pool(*key[2:], _reaper.watch)
    return pool


def close_all(holder: object) -> None:
    """Let a transport leave the sync pools and, soon, those of each loop."""
    with lock():
        for pool in list(_sync.values()):
            pool.retire(holder)
        _forget_empty(_sync)
        for pools in list(_loops.values()):
            pools.retire_soon(holder)


def _forget_empty(pools: dict[Key, Pool[_C]]) -> None:
    for key in [key for key, pool in pools.items() if pool.is_empty]:
        del pools[key]


def _expire(pools: dict[Key, Pool[_C]]) -> float | None:
    """Close what has been idle for too long; seconds until there is more to close, or None."""
    waits = [left for pool in list(pools.values()) if (left := pool.expire()) is not None]
    _forget_empty(pools)
    return min(waits, default=None)


class _Reaper:
    """A thread that closes idle sync connections, while there are any."""

    def __init__(self) -> None:
        self._wake = threading.Event()
        self._wakes_at: float | None = None  # None where there is no thread

    def watch(self, pool: SyncPool) -> None:
        """See to it that a pool's idle connections are closed in time. Called with the lock."""
        at = monotonic() + pool.idle_seconds
        if self._wakes_at is None:
            self._wakes_at = at
            thread = threading.Thread(target=self._run, name="close idle connections", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # too many threads, or the interpreter is ending
                self._wakes_at = None
                pool.close_idle()
        elif at < self._wakes_at:
            self._wakes_at = at
            self._wake.set()

    def _run(self) -> None:
        wait: float | None = 0.0
        while wait is not None:
            self._wake.wait(wait)
            with lock():
                self._wake.clear()
                wait = _expire(_sync)
                self._wakes_at = None if wait is None else monotonic() + wait


_reaper = _Reaper()


class LoopPools:
    """The pools of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pools: dict[Key, AsyncPool] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._guard = at_loop_end(self._end)

    async def begin(self) -> None:
        """Wait for the end of the loop."""
        await anext(self._guard)

    def pool(self, key: Key) -> AsyncPool:
        """The loop's pool for a key. It may be forgotten at the next turn of the loop."""
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = Pool(*key[2:], self._watch)
        return pool

    async def retire(self, holder: object) -> None:
        """Let a transport leave; what it alone used is closed on return."""
        self._retire(holder)
        await _closed()

    def retire_soon(self, holder: object) -> None:
        """`retire`, from outside the loop."""
        if not self._loop.is_closed():
            with suppress(RuntimeError):  # it has ended since
                self._loop.call_soon_threadsafe(self._retire, holder)

    async def end(self) -> None:
        """Close every connection."""
        await self._guard.aclose()

    def close(self) -> None:
        """`end`, for a loop that has been closed, or is another process's."""
        for pool in self._pools.values():
            pool.close()
        self._pools = {}

    def _retire(self, holder: object) -> None:
        for pool in self._pools.values():
            pool.retire(holder)
        _forget_empty(self._pools)

    def _watch(self, pool: AsyncPool) -> None:
        at = self._loop.time() + pool.idle_seconds
        if self._timer is None or at < self._timer.when():
            self._set_timer(pool.idle_seconds)

    def _set_timer(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self._loop.call_later(seconds, self._expire)

    def _expire(self) -> None:
        self._set_timer(_expire(self._pools))

    async def _end(self) -> None:
        self._set_timer(None)
        if _loops.get(self._loop) is self:
            del _loops[self._loop]
        self.close()
        await _closed()


async def _closed() -> None:
    """Let transports close their sockets: they do so in a later turn of their loop."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


_TURNS = 3  # TLS takes one more than the socket


async def loop_pools() -> LoopPools:
    """The pools of the running loop."""
    loop = asyncio.get_running_loop()
    pools = _loops.get(loop)
    if pools is None:
        pools = LoopPools(loop)
        with lock():
            for ended in [each for each in _loops if each.is_closed()]:
                _loops.pop(ended).close()
            _loops[loop] = pools
        await pools.begin()
    return pools


# --- the end of the interpreter, and forks


def _close_at_exit() -> None:
    """Close the connections, also of loops that nobody ended, as notebooks leave them."""
    with lock():
        for pool in list(_sync.values()):
            pool.close()
    for loop, pools in list(_loops.items()):
        if not (loop.is_closed() or loop.is_running()):
            with suppress(Exception):  # whatever it is, the process ends now
                loop.run_until_complete(pools.end())


def _start_afresh() -> None:
    """Close this process's copies of its parent's connections."""
    global _reaper  # noqa: PLW0603 - its thread is not in this process
    _reaper = _Reaper()
    for pool in _sync.values():
        pool.close()
    for pools in _loops.values():
        pools.close()
    _sync.clear()
    _loops.clear()


atexit.register(_close_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)
