from __future__ import annotations

import errno
import socket
import ssl
from unittest.mock import Mock

import pytest
from transport_parts import KEY, NO_WAIT, closed_port, deadline, post
from wire_server import whole

from grayswan_core.http.address import parse_url
from grayswan_core.http.direct import sync_connection
from grayswan_core.http.direct.sync_connection import SyncConnection
from grayswan_core.http.protocol import ConnectError, ProtocolError, WaitTimeoutError

GOOD = whole(b"Hello")


@pytest.fixture
def pair():
    """A connection, and the server's end of it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield SyncConnection(ours), theirs


def connect(url, context=None, **timeout):
    return SyncConnection.connect(parse_url(url).address, context, deadline(**timeout))


def test_a_request_is_sent_and_its_response_read(pair):
    connection, server = pair
    server.sendall(GOOD)
    parser = connection.request(post(), deadline())
    assert server.recv(65536).endswith(b"\r\n\r\n{}")
    assert 200 == parser.status
    while not parser.complete:
        connection.receive(parser, deadline())
    assert b"Hello" == parser.take()
    assert connection.is_usable()


def test_it_connects(server):
    server.play(GOOD)
    connection = connect(server.url)
    assert 200 == connection.request(post(server.url), deadline()).status
    connection.close()
    server.wait_for_close()
    assert not connection.is_usable()


def test_a_refused_connection_is_an_error_with_the_reason():
    with closed_port() as port, pytest.raises(ConnectError) as caught:
        connect(f"http://127.0.0.1:{port}")
    assert isinstance(caught.value.reason, ConnectionRefusedError)


def test_a_host_without_an_address_is_an_error(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
    with pytest.raises(ConnectError, match="no address"):
        connect("http://h.example")


def test_a_route_that_the_system_gives_up_on_is_no_timeout_of_ours(monkeypatch):
    def give_up(*_):
        raise TimeoutError(110, "Connection timed out")

    monkeypatch.setattr(sync_connection, "_first_socket", give_up)
    with pytest.raises(ConnectError, match="Connection timed out"):
        connect("http://127.0.0.1:1")


def test_a_handshake_without_end_is_a_timeout_and_leaves_nothing_open():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(WaitTimeoutError, match="connect"):
            connect(url, ssl.create_default_context(), connect=NO_WAIT)
        accepted, _ = silent.accept()
        with accepted:
            while accepted.recv(65536):  # its first words, and its end
                pass


def test_a_silent_server_is_a_timeout(pair):
    with pytest.raises(WaitTimeoutError, match="read"):
        pair[0].request(post(), deadline(read=NO_WAIT))


def test_a_server_that_takes_nothing_is_a_timeout(pair):
    with pytest.raises(WaitTimeoutError, match="write"):
        pair[0].request(post(body=bytes(16 * 1024 * 1024)), deadline(write=NO_WAIT))


@pytest.mark.parametrize("sent", [b"", GOOD[:20]])
def test_a_connection_that_ends_before_the_head_is_no_response(pair, sent):
    connection, server = pair
    server.sendall(sent)
    server.shutdown(socket.SHUT_WR)
    with pytest.raises(ProtocolError):
        connection.request(post(), deadline())


def test_a_body_that_ends_too_soon_is_no_response(pair):
    connection, server = pair
    server.sendall(GOOD[:-1])
    server.shutdown(socket.SHUT_WR)
    parser = connection.request(post(), deadline())
    assert b"Hell" == parser.take()
    connection.receive(parser, deadline())
    with pytest.raises(ProtocolError):
        connection.receive(parser, deadline())


def test_a_refusal_that_came_before_the_request_was_whole_is_read(pair):
    connection, server = pair
    server.sendall(whole(b"", status=413))
    server.close()
    parser = connection.request(post(body=bytes(16 * 1024 * 1024)), deadline())
    assert 413 == parser.status
    assert not parser.reusable


def test_a_request_that_could_not_be_sent_fails_with_that_reason(pair):
    connection, server = pair
    server.close()
    with pytest.raises(BrokenPipeError):
        connection.request(post(), deadline())


@pytest.mark.parametrize("number", [None, errno.ETIMEDOUT])
@pytest.mark.parametrize("fails", ["sendall", "recv"])
def test_a_wait_that_the_system_gives_up_is_no_timeout_of_ours(fails, number):
    error = TimeoutError(number, "timed out") if number else TimeoutError("timed out")
    connected = Mock(**{f"{fails}.side_effect": error})
    if fails == "sendall":
        connected.recv.side_effect = OSError
    with pytest.raises(TimeoutError if number else WaitTimeoutError) as caught:
        SyncConnection(connected).request(post(), deadline())
    assert number == getattr(caught.value, "errno", None)


@pytest.mark.parametrize("spoil", ["bytes", "end", "close"])
def test_a_connection_that_is_not_silent_is_not_usable(pair, spoil):
    connection, server = pair
    assert connection.is_usable()
    if spoil == "bytes":
        server.sendall(b"HTTP/1.1 200 OK\r\n")
    elif spoil == "end":
        server.shutdown(socket.SHUT_WR)
    else:
        connection.close()
    assert not connection.is_usable()


def test_bytes_that_tls_has_unpacked_already_are_not_silence(monkeypatch):
    class Secured(ssl.SSLSocket):
        pending = staticmethod(lambda: 1)

    assert not SyncConnection(Secured.__new__(Secured)).is_usable()


def test_the_key_is_in_no_frame_of_an_error(pair):
    with pytest.raises(WaitTimeoutError) as caught:
        pair[0].request(post(), deadline(read=NO_WAIT))
    frames = [entry.frame for entry in caught.traceback if "grayswan_core" in str(entry.path)]
    assert frames
    assert not [frame for frame in frames if KEY in repr(frame.f_locals)]
