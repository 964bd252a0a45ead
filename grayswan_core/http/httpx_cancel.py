"""Cancelling a request where httpcore, below httpx, can clean up after it.

httpcore loses a place in its pool for good when a task is cancelled after it was given a connection
and before it uses it, or while it gives it back (encode/httpcore 1093); anyio loses the socket of a
connection that has just been made. So only what waits for the server's bytes is cancelled, and a
connection that is being made is made first, and then closed. httpcore's `trace` extension tells
how far a request is.

Before Python 3.11 anyio may also take a cancellation for its own, and go on. It ends here as well.
"""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ["HttpxCancellation"]

_EXCHANGES = {
    "send_request_headers",
    "send_request_body",
    "receive_response_headers",
    "receive_response_body",
}
_ENDS = {"connect_tcp", "send_request_headers"}


class HttpxCancellation:
    """Cancels the tasks of one request.

    Args:
        at_once: Whether to cancel them wherever they are, since the transport may have no trace.
    """

    def __init__(self, *, at_once: bool) -> None:
        self._at_once = at_once
        self._is_exchanging = False
        self._is_cancelled = False

    def __call__(self, task: asyncio.Task[Any]) -> None:
        """Cancel a task now, or let it end where that does no harm."""
        self._is_cancelled = True
        if self._at_once or self._is_exchanging:
            task.cancel()

    async def trace(self, event: str, _: object) -> None:
        """Note how far the request is.

        Args:
            event: Its name, as `http11.send_request_headers.started`.

        Raises:
            asyncio.CancelledError: it is cancelled, and nothing is lost if it ends here.
        """
        name, _, state = event.rpartition(".")
        step, is_begun = name.rpartition(".")[2], state == "started"
        if self._is_cancelled and is_begun and step in _ENDS:
            raise asyncio.CancelledError
        if step in _EXCHANGES:
            self._is_exchanging = is_begun
