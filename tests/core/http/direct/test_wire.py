from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transport_parts import KEY, post

from grayswan_core._package import user_agent
from grayswan_core.http.direct import wire
from grayswan_core.http.direct.wire import PIECE_SIZE, is_silent, new_socket, piece, piece_count


def written(request):
    return b"".join(piece(request, number) for number in range(piece_count(request)))


def test_a_request_as_it_is_on_the_wire():
    assert (
        f"POST /v1 HTTP/1.1\r\nhost: h.example\r\nuser-agent: {user_agent()}\r\n"
        f"authorization: Bearer {KEY}\r\naccept: x\r\ncontent-length: 2\r\n\r\n{{}}"
    ).encode() == written(post(accept="x"))


@given(st.integers(0, 3), st.integers(-1, 1))
def test_a_body_of_any_length_is_written_whole_in_pieces(pieces, more):
    size = max(0, pieces * PIECE_SIZE + more)
    request = post(body=bytes(size))
    head, _, body = written(request).partition(b"\r\n\r\n")
    assert f"content-length: {size}".encode() in head
    assert bytes(size) == body
    assert all(len(piece(request, n)) <= PIECE_SIZE for n in range(1, piece_count(request)))
    assert piece(request, piece_count(request) - 1)


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\n", "\r", "ü"])
def test_a_header_that_would_be_another_request_is_refused(value):
    with pytest.raises(ValueError, match=r"line break|ascii") as caught:
        piece(post(note=value), 0)
    assert KEY not in str(caught.value)


def test_what_is_written_is_sent_at_once():
    with new_socket(socket.AF_INET, socket.SOCK_STREAM, 0) as made:
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_socket_that_cannot_be_made_so_is_closed(monkeypatch):
    made = []

    class Refusing(socket.socket):
        def setsockopt(self, *_):
            made.append(self)
            raise OSError

    monkeypatch.setattr(wire.socket, "socket", Refusing)
    with pytest.raises(OSError):  # noqa: PT011 - ours, whatever it says
        new_socket(socket.AF_INET, socket.SOCK_STREAM, 0)
    assert -1 == made[0].fileno()


@pytest.mark.parametrize("polls", [True, False])
def test_a_socket_is_silent_until_there_is_something_to_read(polls, monkeypatch):
    monkeypatch.setattr(wire, "_CAN_POLL", polls and wire._CAN_POLL)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert is_silent(ours)
        theirs.sendall(b"x")
        assert not is_silent(ours)
        ours.recv(1)
        assert is_silent(ours)
        theirs.close()
        assert not is_silent(ours)
        ours.close()
        assert not is_silent(ours)
