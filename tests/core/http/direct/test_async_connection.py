from __future__ import annotations

import asyncio
import os
import socket
import ssl

import pytest
from transport_parts import NO_WAIT, closed_port, deadline, post
from wire_server import LAST_CHUNK, chunk, stream, whole

from grayswan_core.http.address import parse_url
from grayswan_core.http.direct import async_connection
from grayswan_core.http.direct.async_connection import AsyncConnection
from grayswan_core.http.protocol import ConnectError, ProtocolError, WaitTimeoutError

GOOD = whole(b"Hello")


class Pair:
    """A connection, the server's end of it, and the connections that said they were closed."""

    def __init__(self, connection, server, closed):
        self.connection = connection
        self.server = server
        self.closed = closed

    async def receive(self):
        return await asyncio.get_running_loop().sock_recv(self.server, 1 << 20)

    async def request(self, response, **timeout):
        """The parser of a response that comes when the request has."""
        asking = asyncio.ensure_future(self.connection.request(post(), deadline(**timeout)))
        assert (await self.receive()).endswith(b"{}")
        self.server.sendall(response)
        return await asking

    async def read(self, parser, **timeout):
        return await self.connection.read(parser, deadline(**timeout))


@pytest.fixture
async def pair():
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    closed = asyncio.Queue()
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(
        lambda: AsyncConnection(loop, ours, closed.put_nowait), sock=ours
    )
    with theirs:
        yield Pair(connection, theirs, closed)
        connection.close()
        await asyncio.sleep(0)


async def connect(url, context=None, closed=lambda _: None, **timeout):
    address = parse_url(url).address
    return await AsyncConnection.connect(address, context, deadline(**timeout), closed)


async def test_a_request_is_sent_and_its_response_read(pair):
    for _ in range(2):
        parser = await pair.request(GOOD)
        assert 200 == parser.status
        assert [b"Hello", b""] == [await pair.read(parser) for _ in range(2)]
        assert pair.connection.is_usable()


async def test_it_connects(server):
    server.play(GOOD)
    closed = asyncio.Queue()
    connection = await connect(server.url, closed=closed.put_nowait)
    assert 200 == (await connection.request(post(server.url), deadline())).status
    connection.close()
    assert connection is await closed.get()
    await asyncio.to_thread(server.wait_for_close)
    assert not connection.is_usable()


async def test_a_refused_connection_is_an_error_with_the_reason():
    with closed_port() as port, pytest.raises(ConnectError) as caught:
        await connect(f"http://127.0.0.1:{port}")
    assert isinstance(caught.value.reason, ConnectionRefusedError)


async def test_a_host_without_an_address_is_an_error(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
    with pytest.raises(ConnectError, match="no address"):
        await connect("http://h.example")


async def test_a_route_that_the_system_gives_up_on_is_no_timeout_of_ours(monkeypatch):
    async def give_up(*_):
        raise TimeoutError(110, "Connection timed out")

    monkeypatch.setattr(async_connection, "_first_socket", give_up)
    with pytest.raises(ConnectError, match="Connection timed out"):
        await connect("http://127.0.0.1:1")


async def test_a_handshake_without_end_is_a_timeout_and_leaves_nothing_open():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(WaitTimeoutError, match="connect"):
            await connect(url, ssl.create_default_context(), connect=NO_WAIT)
        accepted, _ = silent.accept()
        with accepted:
            while await asyncio.to_thread(accepted.recv, 65536):  # its first words, and its end
                pass


async def test_a_silent_server_is_a_timeout(pair):
    with pytest.raises(WaitTimeoutError, match="read"):
        await pair.connection.request(post(), deadline(read=NO_WAIT))


async def test_a_server_that_takes_nothing_is_a_timeout(pair):
    request = post(body=bytes(16 * 1024 * 1024))
    with pytest.raises(WaitTimeoutError, match="write"):
        await pair.connection.request(request, deadline(write=NO_WAIT))


async def test_a_timer_set_for_a_long_wait_ends_a_shorter_one(pair):
    parser = await pair.request(GOOD[:-5], read=600)
    with pytest.raises(WaitTimeoutError, match="read"):
        await pair.read(parser, read=NO_WAIT)


async def test_a_timer_set_for_a_short_wait_does_not_end_a_longer_one(pair):
    parser = await pair.request(GOOD[:-5], read=NO_WAIT * 5)
    reading = asyncio.ensure_future(pair.read(parser, read=600))
    await asyncio.wait({reading}, timeout=NO_WAIT * 10)
    pair.server.sendall(b"Hello")
    assert b"Hello" == await reading


async def test_a_connection_that_ends_before_the_head_is_no_response(pair):
    asking = asyncio.ensure_future(pair.connection.request(post(), deadline()))
    await pair.receive()
    pair.server.close()
    with pytest.raises(ProtocolError):
        await asking
    assert pair.connection is await pair.closed.get()


@pytest.mark.parametrize("spoil", ["bytes", "end", "close"])
async def test_a_connection_that_ends_before_its_request_fails_at_once(pair, spoil):
    if spoil == "bytes":
        pair.server.sendall(GOOD)
    elif spoil == "end":
        pair.server.shutdown(socket.SHUT_WR)
    else:
        pair.server.close()
    assert pair.connection is await pair.closed.get()
    with pytest.raises(ProtocolError, match="closed"):
        await pair.connection.request(post(), deadline(read=None))


async def test_a_body_that_ends_too_soon_is_no_response(pair):
    parser = await pair.request(GOOD[:-1])
    pair.server.shutdown(socket.SHUT_WR)
    assert b"Hell" == await pair.read(parser)
    with pytest.raises(ProtocolError):
        await pair.read(parser)


async def test_what_is_no_response_ends_a_request_that_the_server_does_not_take(pair):
    pair.server.sendall(b"garbage\r\n\r\n")
    request = post(body=bytes(16 * 1024 * 1024))
    asking = asyncio.ensure_future(pair.connection.request(request, deadline(write=None)))
    with pytest.raises(ProtocolError, match=r"not HTTP/1\.1"):
        await asking


async def test_a_refusal_that_came_before_the_request_was_whole_is_read(pair):
    request = post(body=bytes(16 * 1024 * 1024))
    asking = asyncio.ensure_future(pair.connection.request(request, deadline()))
    await pair.receive()
    pair.server.sendall(whole(b"", status=413))
    parser = await asking
    assert 413 == parser.status
    assert not parser.reusable
    assert not pair.connection.is_usable()


async def test_a_response_without_a_request_closes(pair):
    pair.server.sendall(GOOD)
    assert pair.connection is await pair.closed.get()
    assert not pair.connection.is_usable()


@pytest.mark.parametrize("spoil", ["bytes", "end", "close"])
async def test_a_connection_that_is_not_silent_is_not_usable(pair, spoil):
    assert pair.connection.is_usable()
    if spoil == "bytes":
        pair.server.sendall(b"HTTP/1.1 200 OK\r\n")
    elif spoil == "end":
        pair.server.shutdown(socket.SHUT_WR)
    else:
        pair.connection.close()
    assert not pair.connection.is_usable()  # before the loop has seen it


async def test_a_connection_whose_response_is_not_whole_is_not_usable(pair):
    await pair.request(GOOD[:-1])
    assert not pair.connection.is_usable()


async def test_a_slow_reader_makes_the_server_wait_and_loses_nothing(pair):
    opening, *_ = stream()
    parser = await pair.request(opening)
    body = bytes(4 * 1024 * 1024)
    loop = asyncio.get_running_loop()
    sending = asyncio.ensure_future(loop.sock_sendall(pair.server, chunk(body) + LAST_CHUNK))
    for _ in range(200):
        await asyncio.sleep(0)
    assert not sending.done()
    assert parser.buffered < 1024 * 1024
    read = b""
    while piece := await pair.read(parser):
        read += piece
    await sending
    assert body == read
    assert pair.connection.is_usable()


async def test_a_connection_whose_reader_left_while_it_was_paused_is_not_usable(pair):
    body = bytes(1024 * 1024)
    parser = await pair.request(whole(body)[: -len(body)])
    for _ in range(4):  # no reader takes it
        pair.connection.data_received(body[:262_144])
    assert parser.reusable
    assert not pair.connection.is_usable()


async def test_a_cancelled_wait_leaves_nothing_behind(pair):
    reading = asyncio.ensure_future(pair.connection.request(post(), deadline()))
    await pair.receive()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert not pair.connection.is_usable()
    pair.connection.close()
    assert pair.connection is await pair.closed.get()


def test_a_connection_whose_loop_has_ended_is_closed_without_it():
    loop = asyncio.new_event_loop()
    ours, theirs = socket.socketpair()
    with theirs:
        connection = AsyncConnection(loop, ours, print)
        connection.connection_made(object())  # a transport that could do nothing any more
        loop.close()
        connection.close()
        assert b"" == theirs.recv(1)


@pytest.mark.parametrize("keeps_open", [False, True])
async def test_a_forked_child_ends_the_transport_of_a_closed_socket_alone(monkeypatch, keeps_open):
    ended = []

    class Transport:
        def abort(self):
            ended.append(ours.fileno())
            raise RuntimeError("the loop runs in another thread")

    ours, theirs = socket.socketpair()
    with theirs, ours:
        connection = AsyncConnection(asyncio.get_running_loop(), ours, print)
        connection.connection_made(Transport())
        monkeypatch.setattr(os, "getpid", lambda: 0)
        if keeps_open:  # as uvloop does
            ours._io_refs += 1
        connection.close()
        assert ([] if keeps_open else [-1]) == ended
        if keeps_open:
            ours._decref_socketios()
        assert b"" == theirs.recv(1)
