"""Rows in, records out: a window of rows under way at once, and never more than that in memory."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from grayswan_batch.asking import Asker, Outcome
from grayswan_batch.calls import RowCall
from grayswan_batch.errors import OutputError, RowError, RowTooLargeError, RunStoppedError
from grayswan_batch.failures import failure_of
from grayswan_batch.ids import RowId, RowIds
from grayswan_batch.ledger import Ledger
from grayswan_batch.limiter import Gate
from grayswan_batch.models import Model
from grayswan_batch.models.answer import plain
from grayswan_batch.progress import Progress
from grayswan_batch.prompts import Prompt
from grayswan_batch.report import Report
from grayswan_batch.rows import Item, Row
from grayswan_batch.stopping import StopRules

__all__ = ["Engine", "Plan"]

_TICK = 1.0  # seconds
_TICKS_A_CHECKPOINT = 5
_GRACE = 600.0  # seconds in which what is under way, and paid for, may end when a run stops
_BYTES_PER_TOKEN = 4


@dataclass(frozen=True)
class Plan:
    """What is done with each row.

    Attributes:
        model: Who is asked.
        prompt: What.
        id_column: The column with the ids; None for hashes.
        keep: Columns that are copied into the records.
        rules: When to stop early.
        max_row_size: The longest prompt, in characters.
        window: The most rows under way.
    """

    model: Model
    prompt: Prompt
    id_column: str | None
    keep: tuple[str, ...]
    rules: StopRules
    max_row_size: int
    window: int


@dataclass(frozen=True)
class _Ready:
    """A row that can be asked."""

    id: RowId
    prompt: Any
    kept: dict[str, Any]
    call: RowCall


class Engine:
    """One run.

    Args:
        plan: What is done.
        ledger: Where it is written down.
        gate: Who says when a request may go.
        progress: Who shows how far it is.
    """

    def __init__(self, plan: Plan, ledger: Ledger, gate: Gate, progress: Progress) -> None:
        self.report = Report()
        self._plan = plan
        self._ledger = ledger
        self._gate = gate
        self._progress = progress
        self._asker = Asker(plan.model, gate)
        self._ids = RowIds(plan.id_column)
        self._slots = asyncio.Semaphore(plan.window)
        self._tasks: dict[asyncio.Task[None], RowCall] = {}
        self._stopped = asyncio.Event()
        self._reason: str | None = None
        self._unwritten: OutputError | None = None
        self._begun = time.monotonic()

    async def run(self, items: AsyncIterator[Item]) -> Report:
        """Ask all rows. However it ends, what was under way is waited for first.

        Raises:
            RunStoppedError: it stopped before the last row.
            OutputError: the output cannot be written.
        """
        feeding = asyncio.ensure_future(self._feed(items))
        stopped = asyncio.ensure_future(self._stopped.wait())
        ticking = asyncio.ensure_future(self._tick())
        try:
            await asyncio.wait({feeding, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if feeding.done() and feeding.exception() is None:
                await self._all_done()
        finally:
            feeding.cancel()
            stopped.cancel()
            try:
                await self._drain()
            finally:
                await _ended(feeding, stopped)
                ticking.cancel()
                await _ended(ticking)
                self._close()
        self._raise(feeding)
        return self.report

    def stop(self, reason: str) -> None:
        """Begin no further row; the first reason counts."""
        if self._reason is None:
            self._reason = reason
            self._stopped.set()

    async def _feed(self, items: AsyncIterator[Item]) -> None:
        """Begin row after row, as there is room."""
        async for item in items:
            await self._slots.acquire()
            self.report.rows += 1
            ready = self._admit(item)
            if ready is None or not await self._affordable(ready):
                self._slots.release()
                if not self.report.rows % 100:
                    await asyncio.sleep(0)  # many rows may be skipped in a row
                continue
            task = asyncio.ensure_future(self._answer(ready))
            self._tasks[task] = ready.call
            task.add_done_callback(self._gone)

    def _admit(self, item: Item) -> _Ready | None:
        """A row that is to be asked; one that is not is written down."""
        number = f"row-{self.report.rows}"
        row_id = RowId(number, number)
        try:
            if isinstance(item, RowError):
                raise item  # noqa: TRY301 - a bad line fails as a bad row does
            row_id = self._ids.of(item)
            if self._ledger.has(row_id.key):
                self.report.skipped += 1
                return None
            prompt = self._plan.prompt.fill(item)
            if (size := len(str(prompt))) > self._plan.max_row_size:
                raise RowTooLargeError(  # noqa: TRY301 - as above
                    f"The prompt has {size:,} characters; max_row_size is"
                    f" {self._plan.max_row_size:,}."
                )
            return _Ready(row_id, prompt, self._kept(item), RowCall())
        except OutputError:  # what is known of ids cannot be read, whichever the row
            raise
        except Exception as error:  # noqa: BLE001 - a prompt function may raise anything
            kept = self._kept(item) if isinstance(item, dict) else {}
            outcome = Outcome({**failure_of(error), "attempts": 0}, RowCall(), error=error)
            self._write(row_id, kept, outcome)
            return None

    def _kept(self, row: Row) -> dict[str, Any]:
        kept = {name: plain(row.get(name)) for name in self._plan.keep}
        return {"row": kept} if kept else {}

    async def _affordable(self, ready: _Ready) -> bool:
        """Whether the row can be begun within `max_tokens_total`; if not, the run stops.

        Rows under way are waited for where they may leave room for it.
        """
        while (reason := self._too_dear(ready)) is not None:
            if not self._tasks:
                self.report.rows -= 1
                self.stop(reason)
                return False
            await asyncio.wait(set(self._tasks), return_when=asyncio.FIRST_COMPLETED)
        return True

    def _too_dear(self, ready: _Ready) -> str | None:
        """Why the row is not begun now, by what rows cost so far; until one is known, any is."""
        report = self.report
        each = report.total_tokens / report.answered if report.answered else math.inf
        if not self._tasks and not report.answered:
            each = 0.0
        each = max(each, len(str(ready.prompt)) / _BYTES_PER_TOKEN)
        return self._plan.rules.before_row(report, each * (len(self._tasks) + 1))

    async def _answer(self, ready: _Ready) -> None:
        outcome = await self._asker.ask(ready.prompt, ready.call)
        self._write(ready.id, ready.kept, outcome)

    def _write(self, row_id: RowId, kept: dict[str, Any], outcome: Outcome) -> None:
        """Write down what became of a row, and see whether the run goes on."""
        record = {"id": row_id.shown, **kept, **outcome.record}
        report = self.report
        report.requests += outcome.call.tries
        report.rate_limited += outcome.call.refused
        try:
            if outcome.error is not None:
                report.failures[outcome.record["error_type"]] += 1
                self._ledger.fail(record)
            else:
                self._ledger.answer(row_id.key, record)
                report.answered += 1
                report.input_tokens += outcome.record["input_tokens"] or 0
                report.output_tokens += outcome.record["output_tokens"] or 0
        except OutputError as error:
            self._cannot_write(error, record)
            return
        if (reason := self._plan.rules.after(outcome, report)) is not None:
            self.stop(reason)

    def _cannot_write(self, error: OutputError, record: dict[str, Any]) -> None:
        if self._unwritten is None:
            self._unwritten = error
            error.unwritten = []
        self._unwritten.unwritten.append(record)
        self.stop(str(error))

    def _gone(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        self._slots.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            self.stop(f"A fault of this package: {type(error).__name__}: {error}")

    async def _all_done(self) -> None:
        """Wait for the rows under way, unless the run stops meanwhile."""
        while self._tasks and self._reason is None:
            await asyncio.wait(set(self._tasks), timeout=_TICK)

    async def _drain(self) -> None:
        """Let what is under way end; what only waits to be let go is not begun."""
        end = time.monotonic() + _GRACE
        try:
            while self._tasks and time.monotonic() < end:
                for task, call in list(self._tasks.items()):
                    if call.waiting:
                        _give_up(task, call)
                await asyncio.wait(set(self._tasks), timeout=_TICK / 5)
        finally:
            for task, call in list(self._tasks.items()):
                _give_up(task, call)
            await _ended(*self._tasks)

    async def _tick(self) -> None:
        """Once a second: show how far it is, save the index, see whether the API is stuck."""
        ticks = 0
        while True:
            await asyncio.sleep(_TICK)
            ticks += 1
            self._measure()
            if ticks % _TICKS_A_CHECKPOINT == 0:
                try:
                    self._ledger.checkpoint()
                except OutputError as error:
                    self._unwritten = self._unwritten or error
                    self.stop(str(error))
            if (reason := self._plan.rules.stalled(self._gate.stalled)) is not None:
                self.stop(reason)

    def _measure(self) -> None:
        self.report.seconds = time.monotonic() - self._begun
        with suppress(OSError, ValueError):  # a terminal may be closed while the run goes on
            self._progress.show(self.report)

    def _close(self) -> None:
        self._ids.close()
        self._measure()

    def _raise(self, feeding: asyncio.Future[None]) -> None:
        if self._unwritten is not None:
            raise self._unwritten
        if self._reason is not None:
            raise RunStoppedError(f"{self._reason} {_ON}", self.report)
        if not feeding.cancelled() and (error := feeding.exception()) is not None:
            raise error


_ON = "What was answered is in the output; resume=True goes on from there."


def _give_up(task: asyncio.Task[None], call: RowCall) -> None:
    call.given_up = True
    task.cancel()


async def _ended(*tasks: asyncio.Future[Any]) -> None:
    """Wait until tasks are over, however they end."""
    await asyncio.gather(*tasks, return_exceptions=True)
