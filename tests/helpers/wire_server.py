"""A loopback server that plays scripted bytes, faults included, and records what it is sent.

It works below HTTP on purpose: an answer is a list of steps, and a step is bytes to send or
something a server does to a connection. So a test can say exactly what is on the wire.

```python
server.play(whole('{"a": 1}'))                      # one request, one answer
server.play(b"garbage", Close())                    # the next request gets this
server.play(*stream(event), Reset())                # ... and this one an event, then a reset
server.play_always(whole("{}"))                     # every further request
```
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from typing_extensions import Self

# Nothing here waits this long unless a test fails; it only keeps a failing test from hanging.
PATIENCE = 30.0


@dataclass(frozen=True)
class Close:
    """Close the connection in good order (FIN)."""


@dataclass(frozen=True)
class Reset:
    """Break the connection off (RST)."""


@dataclass(frozen=True)
class Stall:
    """Send nothing more, and wait until the client closes the connection."""


@dataclass(frozen=True)
class Hold:
    """Send nothing until the test sets the event."""

    event: threading.Event


@dataclass(frozen=True)
class Drip:
    """Send a piece again and again, with a pause before each, until the client closes."""

    piece: bytes
    pause: float = 0.02


Step = bytes | Close | Reset | Stall | Hold | Drip


@dataclass(frozen=True)
class Request:
    """A request as it was on the wire; header names in lower case, in the order sent."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    raw: bytes
    connection: int

    def all(self, name: str) -> list[str]:
        return [value for each, value in self.headers if each == name]

    def json(self) -> dict[str, object]:
        return json.loads(self.body)


@dataclass
class Connection:
    """One connection the server accepted."""

    number: int
    closed_by_client: threading.Event = field(default_factory=threading.Event)


def head(
    status: int = 200,
    content_type: str | None = "application/json",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """A status line and headers, without the blank line that ends them."""
    lines = [f"HTTP/1.1 {status} Whatever"]
    if content_type is not None:
        lines.append(f"content-type: {content_type}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "".join(f"{line}\r\n" for line in lines).encode()


def whole(
    body: bytes | str,
    status: int = 200,
    content_type: str | None = "application/json",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """A response framed by its content-length."""
    content = body.encode() if isinstance(body, str) else body
    length = f"content-length: {len(content)}\r\n\r\n".encode()
    return head(status, content_type, headers) + length + content


def chunk(piece: bytes) -> bytes:
    """One piece of a body in chunked framing."""
    return b"%x\r\n%s\r\n" % (len(piece), piece)


LAST_CHUNK = b"0\r\n\r\n"


def stream(
    *pieces: bytes,
    content_type: str = "text/event-stream; charset=utf-8",
    headers: Mapping[str, str] | None = None,
) -> tuple[bytes, ...]:
    """A response in chunked framing that has not ended yet; add `LAST_CHUNK` to end it."""
    opening = head(200, content_type, headers) + b"transfer-encoding: chunked\r\n\r\n"
    return (opening, *map(chunk, pieces))


_UNSCRIPTED = (whole("nothing is scripted", 599, "text/plain"),)


class WireServer:
    """Answers each request with the next script; a context manager.

    Attributes:
        url: Where it listens.
        requests: Every request, oldest first.
        connections: Every connection, oldest first.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.connections: list[Connection] = []
        self._scripts: deque[tuple[Step, ...]] = deque()
        self._choose: Callable[[Request], Sequence[Step]] = lambda _: _UNSCRIPTED
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def play(self, *steps: Step) -> None:
        """Answer one further request with these steps."""
        self._scripts.append(steps)

    def play_by(self, choose: Callable[[Request], Sequence[Step]]) -> None:
        """Answer every request that has no script of its own with the steps chosen for it."""
        self._choose = choose

    def play_always(self, *steps: Step) -> None:
        """Answer every request that has no script of its own with these steps."""
        self._choose = lambda _: steps

    def wait_for_requests(self, count: int) -> None:
        """Wait until so many requests have come in whole."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= count, PATIENCE):
                raise AssertionError(f"{len(self.requests)} requests came, not {count}")

    def wait_for_close(self, connection: int = 0) -> None:
        """Wait until the client has closed a connection."""
        if not self.connections[connection].closed_by_client.wait(PATIENCE):
            raise AssertionError(f"the client kept connection {connection} open")

    def close(self) -> None:
        self._closing.set()
        with suppress(OSError):  # it may be shut down already on some systems
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(PATIENCE)
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.settimeout(PATIENCE)
            connection = Connection(len(self.connections))
            self.connections.append(connection)
            self._sockets.append(client)
            thread = threading.Thread(target=self._serve, args=(client, connection), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket, connection: Connection) -> None:
        # The client may break off at any point: that ends the connection and is no failure.
        with client, suppress(TimeoutError):
            try:
                if self._converse(client, connection):
                    connection.closed_by_client.set()
            except ConnectionError:
                connection.closed_by_client.set()

    def _converse(self, client: socket.socket, connection: Connection) -> bool:
        """Answer requests; True when it was the client that ended the connection."""
        received = b""
        while True:
            request, received = _read_request(client, received, connection.number)
            if request is None:
                return True
            with self._changed:
                self.requests.append(request)
                steps = self._scripts.popleft() if self._scripts else self._choose(request)
                self._changed.notify_all()
            for step in steps:
                if isinstance(step, Stall):
                    while client.recv(65536):
                        pass
                    return True
                if not self._play(client, step):
                    return False

    def _play(self, client: socket.socket, step: Step) -> bool:
        """Do a step; False when the connection is over."""
        if isinstance(step, bytes):
            client.sendall(step)
            return True
        if isinstance(step, Drip):
            while not self._closing.wait(step.pause):
                client.sendall(step.piece)
            return False
        if isinstance(step, Hold):
            step.event.wait(PATIENCE)
            return True
        if isinstance(step, Reset):
            # Lingering for 0 seconds makes close() send RST.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False


def _read_request(
    client: socket.socket, received: bytes, connection: int
) -> tuple[Request | None, bytes]:
    """The next request, or None at the connection's end; and the bytes that came after it."""
    while b"\r\n\r\n" not in received:
        piece = client.recv(65536)
        if not piece:
            return None, b""
        received += piece
    top, _, rest = received.partition(b"\r\n\r\n")
    first, *lines = top.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = [
        (name.strip().lower(), value.strip())
        for name, _, value in (line.partition(":") for line in lines)
    ]
    length = int(dict(headers).get("content-length", "0"))
    while len(rest) < length:
        piece = client.recv(65536)
        if not piece:
            return None, b""
        rest += piece
    body, after = rest[:length], rest[length:]
    raw = top + b"\r\n\r\n" + body
    return Request(method, target, headers, body, raw, connection), after
