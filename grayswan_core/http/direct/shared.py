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
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias, TypeVar

from grayswan_core.http.address import Address
from grayswan_core.http.direct.async_connection import AsyncConnection
from grayswan_core.http.direct.pool import Connection, Pool, lock
from grayswan_core.http.direct.sync_connection import SyncConnection
from grayswan_core.http.loop_end import at_loop_end, closed

__all__ = ["AsyncPool", "Key", "SyncPool", "close_all", "loop_pools", "sync_pool"]

Key: TypeAlias = tuple[Address, "ssl.SSLContext | None", int, float]
"""Address, TLS, and the two limits that are about connections."""
_C = TypeVar("_C", bound=Connection)

SyncPool: TypeAlias = Pool[SyncConnection]
AsyncPool: TypeAlias = Pool[AsyncConnection]

# Other threads and the garbage collector may change them at any time: iterate over copies.
_sync: dict[Key, SyncPool] = {}
_loops: dict[asyncio.AbstractEventLoop, _LoopPools] = {}


def sync_pool(key: Key) -> SyncPool:
    """The process's pool for a key. It may be forgotten when `lock` is not held."""
    return _pool(_sync, key, _reaper.watch)


def _pool(pools: dict[Key, Pool[_C]], key: Key, watch: Callable[[Pool[_C]], None]) -> Pool[_C]:
    pool = pools.get(key)
    if pool is None:
        pool = pools[key] = Pool(*key[2:], watch)
    return pool


def close_all(holder: object) -> None:
    """Let a transport leave the sync pools and, soon, those of each loop."""
    with lock():
        _retire(_sync, holder)
        for pools in list(_loops.values()):
            pools.retire_soon(holder)


def _retire(pools: dict[Key, Pool[_C]], holder: object) -> None:
    for pool in list(pools.values()):
        pool.retire(holder)
    _forget_empty(pools)


def _forget_empty(pools: dict[Key, Pool[_C]]) -> None:
    for key in [key for key, pool in pools.items() if not pool.places]:
        del pools[key]


class _Reaper:
    """A thread that closes idle sync connections, while there are any."""

    def __init__(self) -> None:
        self._wake = threading.Event()
        self._is_running = False

    def watch(self, pool: SyncPool) -> None:
        """See to it that a pool's idle connections are closed in time. Called with the lock."""
        if self._is_running:
            self._wake.set()
            return
        self._is_running = True
        thread = threading.Thread(target=self._run, name="close idle connections", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # too many threads, or the interpreter is ending
            self._is_running = False
            pool.close_idle()
            pool.expire()  # it is not watched

    def _run(self) -> None:
        wait: float | None = 0.0
        while wait is not None:
            self._wake.wait(wait)
            with lock():
                self._wake.clear()
                waits = [pool.expire() for pool in list(_sync.values())]
                wait = min((left for left in waits if left is not None), default=None)
                _forget_empty(_sync)
                self._is_running = wait is not None


_reaper = _Reaper()


class _LoopPools:
    """The pools of one event loop.

    Attributes:
        guard: To be started, and closed for the pools to end; the loop's end closes it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.guard = at_loop_end(self._end)
        self._loop = loop
        self._pools: dict[Key, AsyncPool] = {}

    def pool(self, key: Key) -> AsyncPool:
        """The loop's pool for a key. It may be forgotten at the next turn of the loop."""
        return _pool(self._pools, key, self._expire)

    def retire_soon(self, holder: object) -> None:
        """Let a transport leave at the next turn of the loop; called from anywhere."""
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(_retire, self._pools, holder)

    def close(self) -> None:
        """Close every connection, of a loop that has been closed or is another process's too."""
        for pool in list(self._pools.values()):
            pool.close()
        self._pools.clear()

    def _expire(self, pool: AsyncPool) -> None:
        """Close what has been idle for too long, now and whenever it has."""
        left = pool.expire()
        if left is not None:
            self._loop.call_later(left, self._expire, pool)
        _forget_empty(self._pools)

    async def _end(self) -> None:
        if _loops.get(self._loop) is self:
            del _loops[self._loop]
        self.close()
        await closed()


async def loop_pools() -> _LoopPools:
    """The pools of the running loop."""
    loop = asyncio.get_running_loop()
    pools = _loops.get(loop)
    if pools is None:
        pools = _LoopPools(loop)
        with lock():
            for each, left in list(_loops.items()):
                if each.is_closed():
                    left.close()
                    _loops.pop(each, None)
            _loops[loop] = pools
        await anext(pools.guard)
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
                loop.run_until_complete(pools.guard.aclose())


def _start_afresh() -> None:
    """Close this process's copies of its parent's connections."""
    global _reaper  # noqa: PLW0603 - its thread is not in this process
    _reaper = _Reaper()
    for pool in list(_sync.values()):
        pool.close()
    for pools in list(_loops.values()):
        pools.close()
    _sync.clear()
    _loops.clear()


atexit.register(_close_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)
