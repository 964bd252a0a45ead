"""Waiting for something in a task of its own, so that no cancellation interrupts its end.

anyio's scopes, which web frameworks cancel requests with, deliver their cancellation again at each
turn of the loop until the task has left the scope. Nothing that is awaited there can close what
it has open. A task of its own is outside the scope: it is cancelled once, and ends by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["in_own_task", "leave_to_loop"]

_T = TypeVar("_T")

_tasks: set[asyncio.Task[Any]] = set()  # a loop keeps only weak references to its tasks


async def in_own_task(
    work: Coroutine[Any, Any, _T],
    seconds: float | None,
    discard: Callable[[_T], object] = lambda _: None,
    cancel: Callable[[asyncio.Task[_T]], object] = asyncio.Task.cancel,
) -> _T:
    """The result of some work.

    Args:
        work: What is done.
        seconds: How long it may take.
        discard: Called with a result that nobody waits for any more.
        cancel: Cancels the work, once. It may go on for as long as it has to.

    Raises:
        asyncio.TimeoutError: it took longer.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
    except BaseException:
        _abandon(task, discard, cancel)
        raise
    if not task.done():
        _abandon(task, discard, cancel)
        raise asyncio.TimeoutError
    return task.result()


def leave_to_loop(task: asyncio.Task[Any]) -> None:
    """Let a task end by itself."""
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


def _abandon(
    task: asyncio.Task[_T],
    discard: Callable[[_T], object],
    cancel: Callable[[asyncio.Task[_T]], object],
) -> None:
    """Cancel a task, and discard what it may have come to."""

    def ended(task: asyncio.Task[_T]) -> None:
        if not task.cancelled() and task.exception() is None:
            discard(task.result())

    cancel(task)
    task.add_done_callback(ended)
    leave_to_loop(task)
