"""Something to do when an event loop ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

__all__ = ["at_loop_end", "closed"]


async def at_loop_end(close: Callable[[], Awaitable[None]]) -> AsyncGenerator[None, None]:
    """Call `close` when the loop ends, or when this is closed. To be started by `anext`.

    A loop has no hook for its end but this: `asyncio.run`, and every runner like it, closes the
    async generators that are still open. A generator that is dropped is closed by its loop as well.
    """
    loop = asyncio.get_running_loop()
    try:
        yield
    finally:
        # Else the loop has ended without closing its generators, and this one was dropped, maybe
        # while another loop runs.
        if _running_loop() is loop:
            await close()


async def closed() -> None:
    """Let what is to be closed in the running loop be closed: it takes some of its turns."""
    for _ in range(4):  # to leave the pools, to end the connection and its TLS, to close the socket
        await asyncio.sleep(0)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
