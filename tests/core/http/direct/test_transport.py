from __future__ import annotations

import asyncio
import threading

import pytest
from transport_parts import NO_WAIT, closed_port, deadline, post
from wire_server import Close, Hold, Stall, stream, whole

from grayswan_core.errors import ConfigurationError
from grayswan_core.http.direct.sync_connection import SyncConnection
from grayswan_core.http.direct.transport import AsyncDirectTransport, DirectTransport
from grayswan_core.http.protocol import ConnectError, ProtocolError, WaitTimeoutError
from grayswan_core.limits import Limits

GOOD = whole(b"Hello")


class Sync:
    """The sync transport, called as the async one is."""

    def __init__(self, limits):
        self.real = DirectTransport(limits)

    async def open(self, *arguments):
        return await asyncio.to_thread(self.real.open, *arguments)

    async def read(self, response):
        return await asyncio.to_thread(response.read)

    async def close_response(self, response):
        response.close()

    async def close(self):
        self.real.close()


class Async:
    def __init__(self, limits):
        self.real = AsyncDirectTransport(limits)

    async def open(self, *arguments):
        return await self.real.aopen(*arguments)

    async def read(self, response):
        return await response.aread()

    async def close_response(self, response):
        await response.aclose()

    async def close(self):
        await self.real.aclose()


@pytest.fixture(params=[Sync, Async])
async def new(request):
    """Makes transports of either kind, which are closed in the end."""
    made = []

    def make(**limits):
        made.append(request.param(Limits(**limits)))
        return made[-1]

    yield make
    for each in made:
        await each.close()


async def read_whole(transport, response):
    body = b""
    while piece := await transport.read(response):
        body += piece
    await transport.close_response(response)
    return body


async def status(transport, server, **timeout):
    response = await transport.open(post(server.url), deadline(**timeout))
    await transport.close_response(response)
    return response.status


async def test_a_response_is_read_and_its_connection_used_again(new, server):
    server.play_always(GOOD)
    transport = new()
    for _ in range(2):
        response = await transport.open(post(server.url), deadline())
        assert (200, "5") == (response.status, response.headers["content-length"])
        assert b"Hello" == await read_whole(transport, response)
        await transport.close_response(response)  # once more says nothing new
    assert 1 == len(server.connections)


async def test_a_response_that_is_not_read_whole_costs_its_connection(new, server):
    server.play(*stream(b"a"), Stall())
    server.play(GOOD)
    transport = new(max_connections=1)
    response = await transport.open(post(server.url), deadline())
    assert b"a" == await transport.read(response)
    await transport.close_response(response)
    await asyncio.to_thread(server.wait_for_close, 0)
    assert b"Hello" == await read_whole(
        transport, await transport.open(post(server.url), deadline())
    )


@pytest.mark.parametrize("steps", [(b"garbage\r\n\r\n", Close()), (Close(),)])
async def test_a_failure_costs_no_place(new, server, steps):
    transport = new(max_connections=1)
    for _ in range(3):
        server.play(*steps)
        with pytest.raises((ProtocolError, OSError)):
            await transport.open(post(server.url), deadline())
    server.play(GOOD)
    assert 200 == await status(transport, server)


async def test_a_refused_connection_costs_no_place(new):
    transport = new(max_connections=1)
    with closed_port() as port:
        for _ in range(3):
            with pytest.raises(ConnectError):
                await transport.open(post(f"http://127.0.0.1:{port}"), deadline(pool=NO_WAIT))


async def test_who_waits_in_line_gets_the_connection(new, server):
    go_on = threading.Event()
    server.play(GOOD[:-1], Hold(go_on), GOOD[-1:])
    server.play(GOOD)
    transport = new(max_connections=1)
    first = await transport.open(post(server.url), deadline())
    second = asyncio.ensure_future(transport.open(post(server.url), deadline()))
    go_on.set()
    assert b"Hello" == await read_whole(transport, first)
    assert b"Hello" == await read_whole(transport, await second)
    assert 1 == len(server.connections)


async def test_who_waits_in_line_too_long_leaves_it(new, server):
    server.play(*stream(), Stall())
    server.play(GOOD)
    transport = new(max_connections=1)
    first = await transport.open(post(server.url), deadline())
    with pytest.raises(WaitTimeoutError, match="pool"):
        await transport.open(post(server.url), deadline(pool=NO_WAIT))
    await transport.close_response(first)
    assert 200 == await status(transport, server)


async def test_a_call_that_is_cancelled_in_line_takes_no_place_with_it(server):
    server.play(*stream(), Stall())
    server.play(GOOD)
    transport = AsyncDirectTransport(Limits(max_connections=1))
    first = await transport.aopen(post(server.url), deadline())
    for its_turn_has_come in (False, True):
        waiting = asyncio.ensure_future(transport.aopen(post(server.url), deadline()))
        for _ in range(5):
            await asyncio.sleep(0)
        if its_turn_has_come:
            await first.aclose()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    response = await transport.aopen(post(server.url), deadline(pool=NO_WAIT))
    assert 200 == response.status
    await response.aclose()
    await transport.aclose()


async def test_a_url_that_is_none_is_a_configuration_error(new):
    with pytest.raises(ConfigurationError, match="base URL"):
        await new().open(post("ftp://h.example"), deadline())


async def test_closing_closes_what_is_idle_now_and_the_rest_when_it_ends(new, server):
    server.play(GOOD)
    server.play(*stream(b"a"), Stall())
    transport = new()
    idle = await transport.open(post(server.url), deadline())
    await read_whole(transport, idle)
    used = await transport.open(post(server.url), deadline())
    await transport.close()
    assert b"a" == await transport.read(used)
    await transport.close_response(used)
    await asyncio.to_thread(server.wait_for_close)


def test_an_interruption_shows_no_frames_that_hold_the_key_and_costs_no_place(server, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    transport = DirectTransport(Limits(max_connections=1))
    with monkeypatch.context() as patch:
        patch.setattr(SyncConnection, "request", interrupt)
        with pytest.raises(KeyboardInterrupt) as caught:
            transport.open(post(server.url), deadline())
    assert "interrupt" not in [entry.name for entry in caught.traceback]
    server.play(GOOD)
    response = transport.open(post(server.url), deadline(pool=NO_WAIT))
    assert 200 == response.status
    response.close()
    transport.close()
