"""The model and the judgement of its input at the same time.

Nothing of the model's response is handed out before the verdict; a bad one closes its stream. A
sync call that blocks cannot be cut off: then the verdict is looked at when it returns.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextvars import copy_context
from threading import Thread
from typing import Any, TypeVar

__all__ = ["AsyncRace", "Race"]

_T = TypeVar("_T")


class Race:
    """A check of the input that runs in a thread, while the model answers.

    Args:
        check: Makes the check, and raises where the input is blocked.
    """

    def __init__(self, check: Callable[[], None]) -> None:
        self._verdict: Future[None] = Future()
        context = copy_context()
        Thread(target=context.run, args=(self._run, check), daemon=True).start()

    def _run(self, check: Callable[[], None]) -> None:
        try:
            check()
        except BaseException as error:  # noqa: BLE001 - raised where the verdict is waited for
            self._verdict.set_exception(error)
        else:
            self._verdict.set_result(None)

    def wait(self) -> None:
        """Wait for the verdict; raises what the check raised."""
        self._verdict.result()

    def watch(self, items: Iterator[_T]) -> Iterator[_T]:
        """The items, for as long as there is no bad verdict."""
        for item in items:
            if self._verdict.done():
                self.wait()
            yield item


class AsyncRace:
    """`Race`, async: the check is a task, and a bad verdict cuts the model off at once.

    Args:
        check: Makes the check, and raises where the input is blocked.
    """

    def __init__(self, check: Coroutine[Any, Any, None]) -> None:
        self._verdict = asyncio.ensure_future(check)

    async def wait(self) -> None:
        """Wait for the verdict; raises what the check raised."""
        await self._verdict

    async def first(self, answer: Coroutine[Any, Any, _T]) -> _T:
        """The outcome of a coroutine, which a bad verdict cancels."""
        task = asyncio.ensure_future(answer)
        try:
            await asyncio.wait({task, self._verdict}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                await self._verdict
            return await task
        finally:
            await _cancelled(task)

    async def watch(self, items: AsyncIterator[_T]) -> AsyncIterator[_T]:
        """The items, for as long as there is no bad verdict."""
        while True:
            try:
                item: _T = await self.first(anext(items))  # type: ignore[arg-type]
            except StopAsyncIteration:
                return
            if self._verdict.done():
                await self._verdict
            yield item

    async def aclose(self) -> None:
        """Stop judging; nothing happens if there is a verdict."""
        await _cancelled(self._verdict)


async def _cancelled(task: asyncio.Future[Any]) -> None:
    """Cancel a task and wait for its end, also where the caller is cancelled meanwhile."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        task.cancel()
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if not task.cancelled():
        task.exception()  # asyncio logs those that nobody has looked at
    if cancelled is not None:
        raise cancelled
