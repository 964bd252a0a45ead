"""Something to do when an event loop ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

__all__ = ["at_loop_end"]


async def at_loop_end(close: Callable[[], Awaitable[None]]) -> AsyncGenerator[None, None]:
    """Call `close` when the loop ends, or when this is closed. To be started by `anext`.

    A loop has no hook for its end but this: `asyncio.run`, and every runner like it, closes the
    async generators that are still open. A generator that is dropped is closed by its loop as well.
    """
    try:
        yield
    finally:
        if _is_on_a_loop():  # or the loop has ended without closing its generators
            await close()


def _is_on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
