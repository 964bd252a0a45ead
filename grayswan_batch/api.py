"""`run` and `arun`: the same engine, in a thread of its own or in the caller's event loop."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import threading
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from typing_extensions import Unpack

from grayswan_batch.engine import Engine
from grayswan_batch.handoff import Handoff
from grayswan_batch.job import Job
from grayswan_batch.options import RunOptions
from grayswan_batch.report import Report
from grayswan_batch.rows import Item, Rows

__all__ = ["arun", "run"]

_log = logging.getLogger(__name__)


def run(
    rows: Rows, model: Any, *, to: str | os.PathLike[str], **options: Unpack[RunOptions]
) -> Report:
    """Ask a model about every row, and write one line for each.

    ```python
    report = grayswan_batch.run("questions.csv", model, to="answers.jsonl", prompt="question")
    ```

    Answers are appended to `to` as they come, and rows that failed go to the file beside it
    (`answers.failed.jsonl`). Rows are read in the calling thread, and requests go out from an
    event loop in a thread of their own, so it works in notebooks too. Ctrl-C waits for what is
    under way, a second one does not.

    Args:
        rows: An iterable of mappings (or of strings, which are prompts), of any length, or the
            path of a `.jsonl`, `.ndjson` or `.csv` file.
        model: A LangChain runnable or chat model, a LlamaIndex LLM, or a `CygnalGuard`.
        to: Where the answers go; a name that ends in `.jsonl`.
        **options: See `RunOptions`.

    Raises:
        InputError: the rows, the prompt, the model or an option cannot work.
        OutputError: the output is there already, is another run's, is in use, or is full.
        RunStoppedError: the run stopped before its last row.
    """
    job = Job(rows, model, to, options)
    items = iter(job.source)
    first = job.checked(next(items, None))
    return _Thread(job).run(itertools.chain([first], items))


async def arun(
    rows: Rows, model: Any, *, to: str | os.PathLike[str], **options: Unpack[RunOptions]
) -> Report:
    """`run`, in the running event loop.

    Rows may be an async iterable as well; an iterable is read in the loop. When it is cancelled it
    waits for what is under way; cancelled again, it does not.
    """
    job = Job(rows, model, to, options)
    items = aiter(job.source)
    first = job.checked(await anext(items, None))
    with job.engine() as engine:
        return await engine.run(_chained(first, items))


async def _chained(first: Item, rest: AsyncIterator[Item]) -> AsyncIterator[Item]:
    yield first
    async for item in rest:
        yield item


class _Thread:
    """An engine in an event loop in a thread of its own, fed from this one."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._ready: Future[tuple[Engine, Handoff, asyncio.Task[Report]]] = Future()
        self._result: Future[Report] = Future()

    def run(self, items: Iterable[Item]) -> Report:
        # The caller's context goes along: tracing, for one.
        work = copy_context().run
        thread = threading.Thread(target=work, args=(self._main,), name="grayswan-batch")
        thread.start()
        try:
            _, handoff, _ = self._ready.result()
            handoff.feed(items)
            return self._result.result()
        except BaseException:  # Ctrl-C, or an exit in the caller's iterable
            self._interrupt()
            raise
        finally:
            thread.join()

    def _interrupt(self) -> None:
        """Let what is under way end; interrupted again, let it go."""
        if self._result.done():
            return
        engine, _, task = self._ready.result()
        loop = task.get_loop()
        loop.call_soon_threadsafe(engine.stop, "Interrupted.")
        _log.warning("Interrupted. Requests under way are waited for; interrupt again to leave.")
        try:
            self._result.exception()
        except KeyboardInterrupt:
            loop.call_soon_threadsafe(task.cancel)

    def _main(self) -> None:
        """The thread: whatever happens here is told in the caller's."""
        try:
            self._result.set_result(asyncio.run(self._serve()))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            for future in (self._ready, self._result):
                if not future.done():
                    future.set_exception(error)

    async def _serve(self) -> Report:
        loop = asyncio.get_running_loop()
        # Models without async calls run in threads: as many as may be under way.
        loop.set_default_executor(ThreadPoolExecutor(self._job.plan.window))
        with self._job.engine() as engine:
            handoff = Handoff()
            task = asyncio.ensure_future(engine.run(aiter(handoff)))
            self._ready.set_result((engine, handoff, task))
            try:
                return await task
            finally:
                handoff.close()
