from __future__ import annotations

import asyncio
import gc
import os
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from grayswan_core import transport
from grayswan_core.config import Timeout
from grayswan_core.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    ConfigurationError,
    ResponseError,
)

KEY = "gs-key-that-nobody-may-see"


def request_with_key():
    return httpx.Request("POST", "https://h.example", headers={"authorization": f"Bearer {KEY}"})


@pytest.fixture
def clients():
    made = transport.HttpClients()
    yield made
    made.close()


async def async_client_of(clients):
    with await clients.async_client() as client:
        return client


# --- one client for each that needs one


def test_many_threads_get_one_client(clients):
    ready = threading.Barrier(32)

    def ask(_):
        ready.wait()
        return clients.sync_client()

    with ThreadPoolExecutor(32) as pool:
        assert 1 == len(set(map(id, pool.map(ask, range(32)))))


async def test_calls_one_after_the_other_get_one_client(clients):
    given = [await async_client_of(clients) for _ in range(32)]
    assert 1 == len(set(map(id, given)))
    await clients.aclose()


@pytest.mark.parametrize(
    ("calls", "expected"), [(16, 1), (17, 2), (1000, 63), (1024, 64), (2000, 64)]
)
async def test_calls_at_once_are_spread_over_few_clients(clients, calls, expected):
    given = set()

    async def call():
        with await clients.async_client() as client:
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
    owner = transport.HttpClients()
    client = owner.sync_client()
    del owner
    assert client.is_closed


async def test_a_dropped_owner_closes_its_client_of_the_running_loop():
    owner = transport.HttpClients()
    client = await async_client_of(owner)
    del owner
    for _ in range(100):
        await asyncio.sleep(0)
        if client.is_closed:
            break
    assert client.is_closed


def test_closing_closes_and_a_later_call_opens_again(clients):
    first = clients.sync_client()
    clients.close()
    assert first.is_closed
    second = clients.sync_client()
    assert not second.is_closed
    clients.close()
    clients.close()
    assert second.is_closed


def test_a_closed_client_is_let_go_of(clients):
    first = weakref.ref(clients.sync_client())
    clients.close()
    gc.collect()
    assert first() is None


async def test_closing_from_a_loop_closes_its_client_before_it_returns(clients):
    first, sync = await async_client_of(clients), clients.sync_client()
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

    clients._async[EndingLoop()] = transport._LoopClients()
    clients.close()
    assert {} == clients._async


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_child_starts_with_no_client(clients):
    clients.sync_client()
    transport._after_fork_in_child()
    assert clients._sync is None
    assert {} == clients._async


def test_the_clients_made_here_keep_no_cookies_and_follow_nothing(clients):
    client = clients.sync_client()
    assert not client.follow_redirects
    response = httpx.Response(
        200,
        headers={"set-cookie": "a=b; Path=/"},
        request=httpx.Request("GET", "https://h.example"),
    )
    client.cookies.extract_cookies(response)
    assert [] == list(client.cookies.jar)


def test_certificates_are_loaded_once(clients):
    assert transport._ssl_context() is transport._ssl_context()


# --- clients passed in


async def test_clients_passed_in_are_used_and_not_closed():
    with httpx.Client() as sync:
        async with httpx.AsyncClient() as asynchronous:
            owner = transport.HttpClients(sync, asynchronous)
            assert sync is owner.sync_client()
            assert asynchronous is await async_client_of(owner)
            await owner.aclose()
            assert (False, False) == (sync.is_closed, asynchronous.is_closed)


async def test_clients_passed_in_and_closed_are_refused():
    sync, asynchronous = httpx.Client(), httpx.AsyncClient()
    sync.close()  # noqa: ASYNC212 - it never opened a connection
    await asynchronous.aclose()
    owner = transport.HttpClients(sync, asynchronous)
    with pytest.raises(ConfigurationError, match="has been closed"):
        owner.sync_client()
    with pytest.raises(ConfigurationError, match="has been closed"):
        await async_client_of(owner)


def test_a_client_closed_while_a_request_is_on_its_way_to_it_is_a_connection_error():
    client = httpx.Client()
    client.close()
    with pytest.raises(APIConnectionError, match="was closed") as caught:
        transport.send(client, "https://h.example", {}, b"", Timeout())
    assert caught.value.is_retryable


def test_another_runtime_error_stays_what_it_is():
    def fail(request):
        raise RuntimeError("something else")

    with (
        httpx.Client(transport=httpx.MockTransport(fail)) as client,
        pytest.raises(RuntimeError, match="something else"),
    ):
        transport.send(client, "https://h.example", {}, b"", Timeout())


# --- errors


@pytest.mark.parametrize(
    ("theirs", "ours", "words"),
    [
        (httpx.ConnectError("refused"), APIConnectionError, "cannot be reached: refused"),
        (httpx.ConnectTimeout("x"), APITimeoutError, "timeout `connect`"),
        (httpx.ReadTimeout("x"), APITimeoutError, "timeout `read`"),
        (httpx.WriteTimeout("x"), APITimeoutError, "timeout `write`"),
        (httpx.PoolTimeout("x"), APITimeoutError, "timeout `pool`"),
        (httpx.TimeoutException("of a new kind"), APITimeoutError, "of a new kind"),
        (httpx.ReadError("reset"), APIConnectionError, "broke before the answer ended: reset"),
        (httpx.ReadError(""), APIConnectionError, "broke before the answer ended: ReadError"),
        (httpx.RemoteProtocolError("bad"), APIConnectionError, "bad"),
        (httpx.LocalProtocolError("bad"), APIConnectionError, "bad"),
        (httpx.ProxyError("bad"), APIConnectionError, "bad"),
        (httpx.DecodingError("bad"), ResponseError, "cannot be decoded: bad"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_of_httpxs_errors_comes_out_as_ours_and_without_the_key(theirs, ours, words, said_by):
    theirs.request = request_with_key()
    with pytest.raises(APIError) as caught, transport.translated():
        raise theirs
    assert ours is type(caught.value)
    assert words in caught.value.message
    assert theirs is caught.value.__cause__
    assert KEY not in said_by(caught.value)
    with pytest.raises(RuntimeError):
        _ = theirs.request


def test_what_would_have_leaked_is_found_by_this_very_check(said_by):
    error = httpx.ReadError("reset", request=request_with_key())
    assert KEY in said_by(error)


def test_every_error_of_httpx_is_one_of_ours():
    def kinds(kind):
        yield kind
        for each in kind.__subclasses__():
            yield from kinds(each)

    for kind in kinds(httpx.TransportError):
        with pytest.raises(APIError), transport.translated():
            raise kind("x")


def test_an_address_httpx_cannot_use_is_a_matter_of_configuration():
    with pytest.raises(ConfigurationError, match="base URL"), transport.translated():
        httpx.URL("https://xn--é")


def test_other_errors_pass_through():
    with pytest.raises(KeyError), transport.translated():
        raise KeyError("x")


# --- bodies


@pytest.mark.parametrize("length", [0, 10, 65536, 1_000_000])
async def test_of_an_errors_body_the_start_is_read(length):
    pieces = [b"x" * 1000] * (length // 1000) + [b"x" * (length % 1000)]

    async def apieces():
        for piece in pieces:
            yield piece

    whole = transport.read_head(httpx.Response(500, content=iter(pieces)))
    assert whole == await transport.aread_head(httpx.Response(500, content=apieces()))
    assert min(length, 65536) <= len(whole) <= 65536 + 1000


async def test_an_errors_body_that_breaks_off_is_read_to_there():
    def pieces():
        yield b"over"
        raise httpx.ReadError("reset")

    async def apieces():
        yield b"over"
        raise httpx.ReadError("reset")

    assert b"over" == transport.read_head(httpx.Response(500, content=pieces()))
    assert b"over" == await transport.aread_head(httpx.Response(500, content=apieces()))
