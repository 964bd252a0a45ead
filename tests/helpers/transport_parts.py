"""What the tests of the transports send, and how long they let it take."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from grayswan_core.http.deadline import Deadline
from grayswan_core.http.protocol import Request
from grayswan_core.limits import Timeout

__all__ = ["KEY", "NO_WAIT", "closed_port", "deadline", "post"]

KEY = "gs-test-key-0123"

# Seconds, for a wait that is to end because nothing happens.
NO_WAIT = 0.02


def post(url: str = "http://h.example/v1", body: bytes = b"{}", **headers: str) -> Request:
    """A request with the key among its headers."""
    return Request(url, lambda: {"authorization": f"Bearer {KEY}", **headers}, body)


def deadline(**timeout: Any) -> Deadline:
    """The clocks of a call that begins now."""
    return Deadline(Timeout(**timeout))


@contextmanager
def closed_port() -> Iterator[int]:
    """A port of this machine that refuses connections: it is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
