"""A connection over a blocking socket."""

from __future__ import annotations

import socket
import ssl
from concurrent.futures import TimeoutError as FutureTimeoutError
from time import monotonic

from grayswan_core.http.address import Address
from grayswan_core.http.deadline import Deadline
from grayswan_core.http.direct.lookup import SocketAddress, look_up
from grayswan_core.http.direct.parser import ResponseParser
from grayswan_core.http.direct.wire import (
    PIECE_SIZE,
    closed_on_error,
    connect_error,
    is_late,
    is_silent,
    new_socket,
    piece,
    piece_count,
)
from grayswan_core.http.protocol import Request, WaitTimeoutError

__all__ = ["SyncConnection"]


class SyncConnection:
    """A connection that one call uses at a time."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    @classmethod
    def connect(
        cls, address: Address, context: ssl.SSLContext | None, deadline: Deadline
    ) -> SyncConnection:
        """Connect, TLS included, to the first of the host's addresses that answers.

        Raises:
            ConnectError: none does.
            WaitTimeoutError: none does in time.
        """
        seconds = deadline.seconds("connect")
        end = None if seconds is None else monotonic() + seconds
        try:
            connected = _first_socket(look_up(address).result(_left(end)), end)
            with closed_on_error(connected):
                if context is not None:
                    connected.settimeout(_left(end))
                    connected = context.wrap_socket(connected, server_hostname=address.host)
        except (OSError, FutureTimeoutError) as error:
            raise connect_error(error) from error
        return cls(connected)

    def request(self, request: Request, deadline: Deadline) -> ResponseParser:
        """Send a request and parse its response as far as the end of its head."""
        parser = ResponseParser()
        unsent = None
        try:
            for number in range(piece_count(request)):
                self._socket.settimeout(deadline.seconds("write"))
                self._socket.sendall(piece(request, number))
        except OSError as error:
            if is_late(error):
                raise WaitTimeoutError("write") from error
            unsent = error  # it may have refused the request before it had all of it
            parser.forbid_reuse()
        try:
            while not parser.has_head:
                self.receive(parser, deadline)
        except Exception:
            if unsent is not None:
                raise unsent from None
            raise
        return parser

    def receive(self, parser: ResponseParser, deadline: Deadline) -> None:
        """Parse the next bytes, which are waited for."""
        parser.check()
        self._socket.settimeout(deadline.seconds("read"))
        try:
            data = self._socket.recv(PIECE_SIZE)
        except OSError as error:
            if is_late(error):
                raise WaitTimeoutError("read") from error
            raise
        if data:
            parser.feed(data)
        else:
            parser.feed_eof()

    def is_usable(self) -> bool:
        """Whether it is open and nothing has arrived since the last response."""
        connected = self._socket
        if isinstance(connected, ssl.SSLSocket) and connected.pending():
            return False
        return is_silent(connected)

    def close(self) -> None:
        """Close it."""
        self._socket.close()


def _first_socket(found: list[SocketAddress], end: float | None) -> socket.socket:
    error: OSError | None = None
    for number, (family, kind, protocol, where) in enumerate(found):
        left = _left(end)
        try:
            connecting = new_socket(family, kind, protocol)
            with closed_on_error(connecting):
                # Each has its share of the time, so that one that is silent does not take all.
                connecting.settimeout(None if left is None else left / (len(found) - number))
                connecting.connect(where)
        except OSError as failure:
            error = failure
        else:
            return connecting
    raise error or OSError("its host name has no address")


def _left(end: float | None) -> float | None:
    """Seconds until a moment."""
    return None if end is None else max(end - monotonic(), 0.001)
