from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

import httpx
import httpx2
import pytest
from transport_parts import NO_WAIT, deadline, post
from wire_server import LAST_CHUNK, Hold, Reset, Stall, chunk, stream, whole

from grayswan_core.errors import APITimeoutError, ConfigurationError
from grayswan_core.http.deadline import Deadline
from grayswan_core.http.httpx_async import AsyncHttpxTransport
from grayswan_core.http.protocol import ProtocolError, WaitTimeoutError
from grayswan_core.limits import Limits, Timeout

GOOD = whole(b"Hello")


@pytest.fixture
async def new():
    """Makes transports, which are closed in the end."""
    made = []

    def make(given=None, **limits):
        made.append(AsyncHttpxTransport(given, Limits(**limits), None))
        return made[-1]

    yield make
    for each in made:
        await each.aclose()


@pytest.fixture(params=[httpx, httpx2], ids=lambda library: library.__name__)
def library(request):
    return request.param


async def read_whole(response):
    body = b""
    while piece := await response.aread():
        body += piece
    await response.aclose()
    return body


async def call(transport, server, **timeout):
    return await read_whole(await transport.aopen(post(server.url), deadline(**timeout)))


async def closed(server, number=0):
    await asyncio.to_thread(server.wait_for_close, number)


async def test_a_response_is_read_and_its_connection_used_again(new, server):
    server.play(GOOD)
    server.play(*stream(b"a", b"b"), LAST_CHUNK)
    transport = new()
    first = await transport.aopen(post(server.url), deadline())
    assert (200, "5") == (first.status, first.headers["content-length"])
    assert b"Hello" == await read_whole(first)
    assert b"ab" == await call(transport, server)
    assert 1 == len(server.connections)


async def test_redirects_are_responses(new, server):
    server.play_always(whole(b"", 307, headers={"location": "/elsewhere"}))
    async with httpx.AsyncClient(follow_redirects=True) as own:
        for transport in (new(), new(own)):
            response = await transport.aopen(post(server.url), deadline())
            assert 307 == response.status
            assert b"" == await read_whole(response)
    assert 2 == len(server.requests)


async def test_a_callers_client_is_used_and_left_open(new, server, library):
    server.play_always(GOOD)
    async with library.AsyncClient(headers={"x-own": "1"}) as own:
        transport = new(own)
        assert b"Hello" == await call(transport, server)
        await transport.aclose()
        assert not own.is_closed
    assert ["1"] == server.requests[0].all("x-own")
    with pytest.raises(ConfigurationError, match="has been closed"):
        await transport.aopen(post(server.url), deadline())


def test_what_is_no_client_is_refused():
    with pytest.raises(ConfigurationError, match="http_async_client takes"):
        AsyncHttpxTransport("x", Limits(), None)


async def test_what_a_function_makes_is_checked_when_it_is_called(new, server):
    with httpx.Client() as sync:
        for made in (None, "x", httpx.AsyncClient, sync):
            with pytest.raises(ConfigurationError, match="http_async_client takes"):
                await new(lambda made=made: made).aopen(post(server.url), deadline())


async def test_each_loop_has_a_client_of_its_own_that_ends_with_it(server):
    server.play_always(GOOD)
    made = []

    def make():
        made.append(httpx.AsyncClient())
        return made[-1]

    transport = AsyncHttpxTransport(make, Limits(), None)

    async def several():
        for _ in range(2):
            assert b"Hello" == await call(transport, server)

    for _ in range(2):
        await asyncio.to_thread(asyncio.run, several())
    await several()
    assert [True, True, False] == [each.is_closed for each in made]
    await transport.aclose()
    assert made[-1].is_closed
    assert [0, 0, 1, 1, 2, 2] == [request.connection for request in server.requests]


async def test_a_body_that_a_hook_has_read_is_handed_out(new, server, library):
    async def read(response):
        await response.aread()

    server.play(GOOD)
    async with library.AsyncClient(event_hooks={"response": [read]}) as own:
        assert b"Hello" == await call(new(own), server)


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_closing_waits_for_the_last_call(new, server, elsewhere):
    go_on = threading.Event()
    server.play(*stream(b"a"), Hold(go_on), chunk(b"b"), LAST_CHUNK)
    server.play(GOOD)
    transport = new()
    response = await transport.aopen(post(server.url), deadline())
    if elsewhere:
        await asyncio.to_thread(transport.close)
    else:
        await transport.aclose()
    go_on.set()
    assert b"ab" == await read_whole(response)
    await closed(server)
    assert b"Hello" == await call(transport, server)  # it begins anew


async def test_loops_of_other_threads_may_begin_while_the_ended_are_looked_for(new, server):
    class Loop:
        def is_closed(self):
            transport._loops[Loop()] = None
            return True

    server.play(GOOD)
    transport = new()
    transport._loops[Loop()] = None
    assert b"Hello" == await call(transport, server)


@pytest.mark.parametrize("turns", range(4))
def test_closing_while_the_loop_ends_closes_all_and_says_nothing(server, caplog, turns):
    server.play_always(GOOD)
    transport = AsyncHttpxTransport(None, Limits(), None)

    async def main():
        await asyncio.gather(*(call(transport, server) for _ in range(3)))
        transport.close()
        for _ in range(turns):
            await asyncio.sleep(0)

    asyncio.run(main())
    for number in range(len(server.connections)):
        server.wait_for_close(number)
    assert [] == caplog.records


def test_closing_after_a_loop_has_ended_says_nothing():
    loop = asyncio.new_event_loop()
    transport = AsyncHttpxTransport(None, Limits(), None)
    loop.run_until_complete(transport._loop_client("http://h.example"))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    transport.close()


@pytest.mark.parametrize("steps", [(Reset(),), (b"garbage\r\n\r\n",)])
async def test_a_failure_costs_no_place(new, server, steps):
    transport = new(max_connections=1)
    for _ in range(2):
        server.play(*steps)
        with pytest.raises(ProtocolError):
            await transport.aopen(post(server.url), deadline())
    server.play(GOOD)
    assert b"Hello" == await call(transport, server)


async def test_waits_are_named(new, server):
    server.play(Stall())
    server.play(*stream(b"a"), Stall())
    transport = new(max_connections=1)
    with pytest.raises(WaitTimeoutError, match="read"):
        await transport.aopen(post(server.url), deadline(read=NO_WAIT))
    server.wait_for_requests(1)  # else the second could get the first one's steps
    late = deadline(between_chunks=NO_WAIT)
    response = await transport.aopen(post(server.url), late)
    with pytest.raises(WaitTimeoutError, match="pool"):
        await transport.aopen(post(server.url), deadline(pool=NO_WAIT))
    assert b"a" == await response.aread()
    late.expect_chunk()  # the wait for a chunk is another than for the head
    with pytest.raises(WaitTimeoutError, match="read"):
        await response.aread()
    await response.aclose()
    await closed(server, 1)


async def test_a_read_that_would_begin_too_late_does_not_begin(new, server):
    server.play(GOOD)
    now = [0.0]
    response = await new().aopen(post(server.url), Deadline(Timeout(), lambda: now[0]))
    now[0] = 1e9
    with pytest.raises(APITimeoutError):
        await response.aread()
    await response.aclose()


async def test_the_whole_call_ends_however_much_trickles_in(new, server):
    server.play(b"HTTP/1.1 200 OK\r\n", Stall())
    with pytest.raises(WaitTimeoutError):
        await new().aopen(post(server.url), deadline(total=NO_WAIT * 5))
    await closed(server)


async def test_a_body_that_is_cut_is_no_response(new, server):
    server.play(*stream(b"a"), Reset())
    response = await new().aopen(post(server.url), deadline())
    with pytest.raises(ProtocolError):
        await read_whole(response)
    await response.aclose()


@pytest.mark.parametrize("steps", [(Stall(),), (*stream(b"a"), Stall())], ids=["head", "body"])
async def test_a_call_that_is_cancelled_is_closed_and_costs_no_place(new, server, steps):
    server.play(*steps)
    transport = new(max_connections=1)

    async def leave():
        response = await transport.aopen(post(server.url), deadline())
        try:
            while True:
                await response.aread()
        finally:
            await response.aclose()

    calling = asyncio.ensure_future(leave())
    await asyncio.to_thread(server.wait_for_requests, 1)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    await closed(server)
    server.play(GOOD)
    assert b"Hello" == await call(transport, server)


async def test_a_call_that_is_cancelled_at_any_turn_costs_no_place(new, server):
    """encode/httpcore 830, 1093"""
    server.play_always(GOOD)
    transport = new(max_connections=1)
    for turns in range(60):
        calling = asyncio.ensure_future(call(transport, server))
        for _ in range(turns):
            await asyncio.sleep(0)
        calling.cancel()
        with suppress(asyncio.CancelledError):
            await calling
    assert b"Hello" == await call(transport, server)


async def test_a_response_may_be_closed_while_it_is_read(new, server):
    server.play(*stream(b"a"), Stall())
    response = await new().aopen(post(server.url), deadline())
    assert b"a" == await response.aread()
    reading = asyncio.ensure_future(response.aread())
    await asyncio.sleep(0)
    await response.aclose()
    await response.aclose()  # once more says nothing new
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await closed(server)
