"""What is written to a socket, and what sync and async sockets have in common."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from grayswan_core._package import user_agent
from grayswan_core.http.address import parse_url
from grayswan_core.http.protocol import (
    ConnectError,
    Request,
    TransportError,
    WaitTimeoutError,
)

__all__ = [
    "PIECE_SIZE",
    "closed_on_error",
    "connect_error",
    "is_late",
    "is_silent",
    "new_socket",
    "piece",
    "piece_count",
]

# One wait is for one piece of a request or a response, however long it is.
PIECE_SIZE = 64 * 1024

_CAN_POLL = hasattr(select, "poll")  # Windows has none


def piece_count(request: Request) -> int:
    """How many pieces a request is written in."""
    return max(1, -(-len(request.body) // PIECE_SIZE))


def piece(request: Request, number: int) -> bytes:
    """One of the pieces. The first has the key in it, so it may be kept in no variable."""
    body = request.body[number * PIECE_SIZE : (number + 1) * PIECE_SIZE]
    return body if number else _head(request) + body


def _head(request: Request) -> bytes:
    headers = {"user-agent": user_agent(), **request.headers()}
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    text = "".join(lines)
    if text.count("\n") != len(lines) or text.count("\r") != len(lines):
        raise ValueError("a header holds a line break")
    first = parse_url(request.url).first_lines
    return f"{first}{text}content-length: {len(request.body)}\r\n\r\n".encode("ascii")


@contextmanager
def closed_on_error(opened: socket.socket) -> Iterator[None]:
    """Close a socket that a block fails with."""
    try:
        yield
    except BaseException:
        opened.close()
        raise


def new_socket(family: int, kind: int, protocol: int) -> socket.socket:
    """A socket that sends what is written at once."""
    made = socket.socket(family, kind, protocol)
    with closed_on_error(made):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def is_late(error: Exception) -> bool:
    """Whether a wait of ours has timed out. The system's timeouts, as of a route, have a number."""
    return isinstance(error, TimeoutError) and error.errno is None


def connect_error(error: Exception) -> TransportError:
    """What kept a connection from being made."""
    if isinstance(error, OSError) and not is_late(error):
        return ConnectError(error)
    return WaitTimeoutError("connect")


def is_silent(connected: socket.socket) -> bool:
    """Whether a read would wait: there are no bytes, no end and no error."""
    if connected.fileno() < 0:
        return False
    if not _CAN_POLL:
        return not select.select([connected], [], [], 0)[0]
    poll = select.poll()
    poll.register(connected, select.POLLIN)
    return not poll.poll(0)
