from __future__ import annotations

import asyncio
import threading
from collections.abc import Hashable
from unittest.mock import Mock

import pytest

from grayswan_core.http.address import Address
from grayswan_core.http.direct import shared
from grayswan_core.http.direct.pool import lock
from grayswan_core.http.direct.shared import close_all, loop_pools, sync_pool
from grayswan_core.http.loop_end import closed

PATIENCE = 30


class Connection:
    """A connection that notes when it is closed."""

    def __init__(self, pool):
        pool.claim(lambda _: None)
        self.closed = threading.Event()
        pool.add(self)

    def is_usable(self):
        return not self.closed.is_set()

    def close(self):
        self.closed.set()


class Holder:
    """Stands for a transport."""


@pytest.fixture
def key(request):
    """A key that no other test has."""

    def make(*, idle_seconds=600.0, number=2):
        return (
            Address("http", f"{request.node.name.lower()}.example", 80),
            None,
            number,
            idle_seconds,
        )

    yield make
    with lock():
        for each in [each for each in shared._sync if each[0] == make()[0]]:
            shared._sync.pop(each).close()


def held(pool, holder):
    pool.holders.add(holder)
    return Connection(pool)


def test_a_key_has_one_pool_and_another_key_another(key):
    assert isinstance(key(), Hashable)
    pool = sync_pool(key())
    assert pool is sync_pool(key())
    assert pool is not sync_pool(key(number=1))
    assert pool is not sync_pool(key(idle_seconds=1.0))


def test_the_last_holder_closes_and_the_pool_is_forgotten(key):
    pool, first, second = sync_pool(key()), Holder(), Holder()
    connection = held(pool, first)
    pool.holders.add(second)
    pool.give_back(connection)
    close_all(first)
    assert not connection.closed.is_set()
    close_all(second)
    assert connection.closed.is_set()
    assert pool is not sync_pool(key())


def test_a_connection_in_use_is_closed_when_it_comes_back(key):
    pool, holder = sync_pool(key()), Holder()
    connection = held(pool, holder)
    close_all(holder)
    assert not connection.closed.is_set()
    pool.give_back(connection)
    assert connection.closed.is_set()


def test_idle_connections_are_closed_without_a_further_call(key):
    for seconds in (600.0, 0.01):  # the thread that waits for the first is woken for the second
        with lock():  # else the thread forgets a pool that has no connections yet
            pool = sync_pool(key(idle_seconds=seconds))
            connection = Connection(pool)
        pool.give_back(connection)
    assert connection.closed.wait(PATIENCE)


def test_without_threads_nothing_is_kept_idle(key, monkeypatch):
    monkeypatch.setattr(shared, "_reaper", shared._Reaper())

    def start(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    pool = sync_pool(key())
    connection = Connection(pool)
    pool.give_back(connection)
    assert connection.closed.is_set()


def test_a_forked_child_closes_its_copies_and_starts_with_none(key, monkeypatch):
    pools, reaper = {key(): sync_pool(key())}, shared._Reaper()
    monkeypatch.setattr(shared, "_sync", pools)
    monkeypatch.setattr(shared, "_loops", {})
    monkeypatch.setattr(shared, "_reaper", reaper)
    idle, used = (Connection(pools[key()]) for _ in range(2))
    shared._start_afresh()
    assert ({}, True, True) == (pools, idle.closed.is_set(), used.closed.is_set())
    assert reaper is not shared._reaper


async def test_a_loop_has_pools_of_its_own(key):
    mine = await loop_pools()
    assert mine is await loop_pools()
    assert mine.pool(key()) is mine.pool(key())

    async def theirs():
        pools = await loop_pools()
        return pools, pools.pool(key())

    pools, pool = await asyncio.to_thread(asyncio.run, theirs())
    assert pools is not mine
    assert pool is not mine.pool(key())


async def test_the_pools_of_a_loop_close_what_has_been_idle_too_long(key):
    pool = (await loop_pools()).pool(key(idle_seconds=0.01))
    connection = Connection(pool)
    pool.give_back(connection)
    assert await asyncio.to_thread(connection.closed.wait, PATIENCE)


async def test_a_transport_leaves_the_pools_of_a_loop(key):
    pools, holder = await loop_pools(), Holder()
    pool = pools.pool(key())
    idle, used = held(pool, holder), held(pool, holder)
    pool.give_back(idle)
    pools.retire_soon(holder)
    await closed()
    assert (True, False) == (idle.closed.is_set(), used.closed.is_set())
    pool.give_back(used)
    assert used.closed.is_set()


async def test_a_transport_that_is_closed_elsewhere_leaves_soon(key):
    holder = Holder()
    pool = (await loop_pools()).pool(key())
    connection = held(pool, holder)
    pool.give_back(connection)
    await asyncio.to_thread(close_all, holder)
    assert await asyncio.to_thread(connection.closed.wait, PATIENCE)


@pytest.mark.parametrize("shuts_down", [True, False])
def test_the_end_of_a_loop_closes_its_connections_in_use_too(key, shuts_down):
    async def begin():
        pools = await loop_pools()
        idle, used = (Connection(pools.pool(key())) for _ in range(2))
        pools.pool(key()).give_back(idle)
        return pools, idle, used

    loop = asyncio.new_event_loop()
    pools, *connections = loop.run_until_complete(begin())
    if shuts_down:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        assert loop not in shared._loops
    else:
        loop.close()
        pools.retire_soon(Holder())  # says nothing any more
        asyncio.run(_begin_another())  # the next loop finds what the last one left
    assert all(connection.closed.is_set() for connection in connections)


async def test_loops_of_other_threads_may_begin_and_end_while_the_ended_are_looked_for(monkeypatch):
    class Loop:
        def is_closed(self):
            del loops[self]
            loops[Loop()] = Mock()
            return True

    loops = {Loop(): Mock()}
    monkeypatch.setattr(shared, "_loops", loops)
    assert await loop_pools() is loops[asyncio.get_running_loop()]


async def _begin_another():
    await loop_pools()


def test_at_exit_what_nobody_ended_is_closed(key, monkeypatch):
    monkeypatch.setattr(shared, "_sync", {})
    monkeypatch.setattr(shared, "_loops", {})
    loop = asyncio.new_event_loop()

    async def begin():
        return Connection((await loop_pools()).pool(key()))

    connections = [loop.run_until_complete(begin()), Connection(sync_pool(key()))]
    shared._close_at_exit()
    assert all(connection.closed.is_set() for connection in connections)
    loop.close()
