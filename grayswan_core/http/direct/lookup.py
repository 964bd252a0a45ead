"""Name resolution that a deadline can end: in a thread, since the system's cannot be cut short."""

from __future__ import annotations

import os
import socket
import threading
from concurrent.futures import Future
from typing import Any, TypeAlias

from grayswan_core.http.address import Address

__all__ = ["SocketAddress", "look_up"]

SocketAddress: TypeAlias = tuple[int, int, int, Any]
"""Family, type, protocol and address, as sockets take them."""

_running: dict[Address, Future[list[SocketAddress]]] = {}


def look_up(address: Address) -> Future[list[SocketAddress]]:
    """The socket addresses of an address; lookups of the same one at once are one.

    The future fails with an `OSError`, and cannot be cancelled.
    """
    future: Future[list[SocketAddress]] = Future()
    future.set_running_or_notify_cancel()
    try:
        future.set_result(_resolve(address, socket.AI_NUMERICHOST))
    except socket.gaierror:
        running = _running.setdefault(address, future)
        if running is future:
            _start(address, future)
        return running
    return future


def _start(address: Address, future: Future[list[SocketAddress]]) -> None:
    def run() -> None:
        try:
            found = _resolve(address)
        except Exception as error:  # noqa: BLE001 - it is the caller's to judge
            _running.pop(address, None)
            future.set_exception(error)
        else:
            _running.pop(address, None)
            future.set_result(found)

    try:
        threading.Thread(target=run, name=f"look up {address.host}", daemon=True).start()
    except RuntimeError as error:  # too many threads, or the interpreter is ending
        _running.pop(address, None)
        future.set_exception(OSError(str(error)))


def _resolve(address: Address, flags: int = 0) -> list[SocketAddress]:
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, kind, number, where) for family, kind, number, _, where in found]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_running.clear)  # the threads are not in this process
