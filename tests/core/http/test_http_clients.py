from __future__ import annotations

import asyncio
import gc
import os
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from grayswan_core.errors import ConfigurationError
from grayswan_core.http import http_clients, loop_clients
from grayswan_core.http.plain_client import PlainClient


@pytest.fixture
def clients():
    made = http_clients.HttpClients()
    yield made
    made.close()


def sync_client_of(clients):
    with clients.sync_client() as client:
        return client


async def async_client_of(clients):
    async with clients.async_client() as client:
        return client


# --- one client for each that needs one


def test_many_threads_get_one_client(clients):
    ready = threading.Barrier(32)

    def ask(_):
        ready.wait()
        return sync_client_of(clients)

    with ThreadPoolExecutor(32) as pool:
        assert 1 == len(set(map(id, pool.map(ask, range(32)))))


async def test_calls_one_after_the_other_get_one_client(clients):
    given = [await async_client_of(clients) for _ in range(32)]
    assert 1 == len(set(map(id, given)))
    await clients.aclose()


@pytest.mark.parametrize(
    ("calls", "expected"), [(2, 1), (3, 2), (1000, 500), (1024, 512), (2000, 512)]
)
async def test_calls_at_once_are_spread_over_clients_of_few_connections(clients, calls, expected):
    given = set()

    async def call():
        async with clients.async_client() as client:
            given.add(client)
            await asyncio.sleep(0)

    for _ in range(2):
        await asyncio.gather(*(call() for _ in range(calls)))
    assert expected == len(given)
    await clients.aclose()
    assert all(client.is_closed for client in given)


def test_each_loop_gets_a_client_that_closes_with_it(clients):
    async def ask():
        client = await async_client_of(clients)
        assert not client.is_closed
        return client

    given = [asyncio.run(ask()) for _ in range(3)]
    assert 3 == len(set(map(id, given)))
    assert [True] * 3 == [client.is_closed for client in given]


def test_loops_that_have_ended_are_forgotten(clients):
    async def loop_of_its_own():
        await async_client_of(clients)
        return weakref.ref(asyncio.get_running_loop())

    loops = [asyncio.run(loop_of_its_own()) for _ in range(5)]
    gc.collect()
    assert 1 >= sum(loop() is not None for loop in loops)


def test_a_client_closed_behind_our_back_is_made_anew(clients):
    async def ask():
        first = await async_client_of(clients)
        await first.aclose()
        return first, await async_client_of(clients)

    first, second = asyncio.run(ask())
    assert first is not second


def test_a_dropped_owner_closes_its_client():
    owner = http_clients.HttpClients()
    client = sync_client_of(owner)
    del owner
    assert client.is_closed


async def test_a_dropped_owner_closes_its_client_of_the_running_loop():
    owner = http_clients.HttpClients()
    client = await async_client_of(owner)
    del owner
    for _ in range(100):
        await asyncio.sleep(0)
        if client.is_closed:
            break
    assert client.is_closed


def test_closing_closes_and_a_later_call_opens_again(clients):
    first = sync_client_of(clients)
    clients.close()
    assert first.is_closed
    second = sync_client_of(clients)
    assert not second.is_closed
    clients.close()
    clients.close()
    assert second.is_closed


def test_a_closed_client_is_let_go_of(clients):
    first = weakref.ref(sync_client_of(clients))
    clients.close()
    gc.collect()
    assert first() is None


async def test_closing_from_a_loop_closes_its_client_before_it_returns(clients):
    first, sync = await async_client_of(clients), sync_client_of(clients)
    await clients.aclose()
    assert (True, True) == (first.is_closed, sync.is_closed)
    second = await async_client_of(clients)
    assert not second.is_closed
    await clients.aclose()
    await clients.aclose()


def test_closing_reaches_the_loops_of_other_threads(clients):
    have, closed = threading.Event(), threading.Event()
    seen = []

    async def live():
        seen.append(await async_client_of(clients))
        have.set()
        await asyncio.to_thread(closed.wait)
        for _ in range(100):
            await asyncio.sleep(0)
        seen.append(seen[0].is_closed)

    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    have.wait()
    clients.close()
    closed.set()
    thread.join()
    assert seen[1]


def test_a_loop_that_ends_while_it_is_asked_to_close_is_no_failure(clients):
    class EndingLoop:
        def is_closed(self):
            return False

        def call_soon_threadsafe(self, callback):
            raise RuntimeError("Event loop is closed")

    clients._async[EndingLoop()] = loop_clients.LoopClients(httpx.AsyncClient, 16, 16)
    clients.close()
    assert {} == clients._async


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_child_starts_with_no_client(clients):
    sync_client_of(clients)
    http_clients._after_fork_in_child()
    assert clients._sync is None
    assert {} == clients._async


def test_the_clients_made_here_are_plain(clients):
    assert isinstance(sync_client_of(clients), PlainClient)


# --- clients passed in


async def test_a_function_passed_in_makes_one_client_for_each_loop_and_it_is_closed():
    made = []

    def make():
        made.append(httpx.AsyncClient())
        return made[-1]

    clients = http_clients.HttpClients(None, make)
    for _ in range(2):
        async with clients.async_client() as first, clients.async_client() as second:
            assert first is second is made[0]
    in_another_loop = await asyncio.to_thread(asyncio.run, taken_from(clients))
    assert in_another_loop is made[1]
    await clients.aclose()
    assert [True, True] == [client.is_closed for client in made]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((5, None), "http_client takes an httpx.Client, and got int"),
        ((httpx.AsyncClient(), None), "http_client takes an httpx.Client, and got AsyncClient"),
        ((None, 5), "http_async_client takes an httpx.AsyncClient or a function .* got int"),
        ((None, httpx.Client()), "http_async_client .* got Client"),
    ],
)
def test_what_is_no_client_is_refused(given, says):
    with pytest.raises(ConfigurationError, match=says):
        http_clients.HttpClients(*given)


async def taken_from(clients):
    async with clients.async_client() as client:
        return client


async def test_clients_passed_in_are_used_and_not_closed():
    with httpx.Client() as sync:
        async with httpx.AsyncClient() as asynchronous:
            owner = http_clients.HttpClients(sync, asynchronous)
            assert sync is sync_client_of(owner)
            assert asynchronous is await async_client_of(owner)
            await owner.aclose()
            assert (False, False) == (sync.is_closed, asynchronous.is_closed)


async def test_clients_passed_in_and_closed_are_refused():
    sync, asynchronous = httpx.Client(), httpx.AsyncClient()
    sync.close()  # noqa: ASYNC212 - it never opened a connection
    await asynchronous.aclose()
    owner = http_clients.HttpClients(sync, asynchronous)
    with pytest.raises(ConfigurationError, match="has been closed"):
        sync_client_of(owner)
    with pytest.raises(ConfigurationError, match="has been closed"):
        await async_client_of(owner)
