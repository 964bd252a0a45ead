"""One worker of a cluster: an event loop in a thread, a model, a gate, and the way of a batch."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import pyarrow as pa

from grayswan_batch.asking import Asker
from grayswan_batch.calls import RowCall
from grayswan_batch.cluster.columns import with_answers
from grayswan_batch.cluster.gate import LeasedGate
from grayswan_batch.cluster.leases import Lease, WorkerReport
from grayswan_batch.errors import BatchError
from grayswan_batch.failures import failure_of, is_refused_key
from grayswan_batch.models import adapted
from grayswan_batch.prompts import compile_prompt
from grayswan_batch.rows import Row

__all__ = ["Task", "Worker"]

_T = TypeVar("_T")


@dataclass(frozen=True)
class Task:
    """What workers do, as it is sent to them.

    Attributes:
        pickled: The model (or the function that makes it), the prompt and the schema.
        is_factory: Whether it is a function.
    """

    pickled: bytes
    is_factory: bool


class Worker:
    """Answers batches, one after the other, the rows of each at once.

    Args:
        task: What is asked.
        load: Reads a pickle.
        limiter: The actor that leases permits.
        journal: The actor that keeps answers.
        name: The worker's, which outlives its death.
    """

    def __init__(
        self, task: Task, load: Callable[[bytes], Any], limiter: Any, journal: Any, name: str
    ) -> None:
        model, prompt, schema = load(task.pickled)
        self._model = adapted(model() if task.is_factory else model, schema)
        self._prompt = compile_prompt(prompt, whole_row=self._model.takes_rows)
        self._answer_schema = None if schema is None else schema.model_json_schema()
        self._limiter = limiter
        self._journal = journal
        self._name = name
        self._life = uuid.uuid4().hex
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._loop.run_forever, name="grayswan-batch")
        thread.daemon = True
        thread.start()
        self._asker, self._gate = self._run(self._new_asker())

    def answer(self, table: pa.Table) -> pa.Table:
        """A batch with its answers.

        Raises:
            BatchError: no request can succeed.
        """
        records = self._run(self._answer_all(table.to_pylist()))
        return with_answers(table, records, self._answer_schema)

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _new_asker(self) -> tuple[Asker, LeasedGate]:
        async def exchange(report: WorkerReport) -> Lease:
            lease: Lease = await _of(self._limiter.exchange.remote(report))
            return lease

        gate = LeasedGate(exchange)
        return Asker(self._model, gate), gate

    async def _answer_all(self, rows: list[Row]) -> list[dict[str, Any]]:
        begin = self._journal.begin.remote(_digest(rows), self._name, self._life)
        batch, known = await _of(begin)
        tasks = [
            asyncio.ensure_future(self._answer_one(row, batch, number, known))
            for number, row in enumerate(rows)
        ]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._gate.flush()

    async def _answer_one(
        self, row: Row, batch: int, number: int, known: dict[int, str]
    ) -> dict[str, Any]:
        if number in known:
            return dict(json.loads(known[number]))
        try:
            prompt = self._prompt.fill(row)
        except Exception as error:  # noqa: BLE001 - a prompt function may raise anything
            return {**failure_of(error), "attempts": 0}
        outcome = await self._asker.ask(prompt, RowCall())
        if outcome.error is not None and is_refused_key(outcome.error):
            raise BatchError(
                f"No request can succeed: {outcome.error} The key is read on the workers: set it"
                " in their environment before Ray is started there, or pass a function that makes"
                " the model."
            ) from None
        if outcome.error is None:
            await _of(self._journal.add.remote(batch, number, json.dumps(outcome.record)))
        return outcome.record


async def _of(reference: Awaitable[Any]) -> Any:
    return await reference


def _digest(rows: list[Row]) -> str:
    return hashlib.blake2b(repr(rows).encode(errors="surrogatepass"), digest_size=16).hexdigest()
