"""One run, from what a caller passes to an engine; checked before anything is made."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from grayswan_batch.engine import Engine, Plan
from grayswan_batch.errors import InputError, OutputError
from grayswan_batch.ids import require_column
from grayswan_batch.ledger import Ledger, output_paths
from grayswan_batch.limiter import Limiter
from grayswan_batch.models import adapted
from grayswan_batch.models.describe import describe_schema
from grayswan_batch.options import checked_options
from grayswan_batch.progress import new_progress
from grayswan_batch.prompts import compile_prompt
from grayswan_batch.report import Report
from grayswan_batch.rows import Item, Rows, Source
from grayswan_batch.stopping import StopRules

__all__ = ["Job"]


class Job:
    """What is to be done.

    Raises:
        InputError: the rows, the model, the prompt or an option cannot work.
    """

    def __init__(
        self, rows: Rows, model: Any, to: str | os.PathLike[str], given: Mapping[str, Any]
    ) -> None:
        options = checked_options(given)
        self._to = Path(to)
        self._resume = options["resume"]
        self._show = options["progress"]
        self._gate = options["limiter"] or Limiter(
            requests_per_second=options["requests_per_second"],
            tokens_per_minute=options["tokens_per_minute"],
            max_in_flight=options["max_in_flight"],
        )
        self.source = Source(rows, options["max_row_size"])
        _require_apart(self.source.path, self._to)
        asked = adapted(model, options["schema"])
        self.plan = Plan(
            model=asked,
            prompt=compile_prompt(options["prompt"], whole_row=asked.takes_rows),
            id_column=options["id"],
            keep=tuple(options["keep"]),
            rules=StopRules(
                options["max_failures"], options["max_tokens_total"], options["max_wait"]
            ),
            max_row_size=options["max_row_size"],
            window=self._gate.max_in_flight,
        )
        self._head = {
            "model": asked.describe(),
            "prompt": self.plan.prompt.describe(),
            "id": self.plan.id_column,
            "schema": describe_schema(options["schema"]),
            "keep": list(self.plan.keep),
        }

    def checked(self, first: Item | None) -> Item:
        """The first row, after which a file's columns are known.

        Raises:
            InputError: there is none, or the file lacks a column.
        """
        if first is None:
            raise InputError(f"There are no rows in {self.source.path or 'the input'}.")
        columns = self.source.columns
        require_column(self.plan.id_column, columns, "The id column")
        for name in self.plan.prompt.columns:
            require_column(name, columns, "The prompt's column")
        for name in self.plan.keep:
            require_column(name, columns, "The kept column")
        return first

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """An engine with its output, which is closed after it; to be made in its event loop.

        Raises:
            OutputError: the output cannot be used, or not be finished.
        """
        ledger = Ledger(self._to, self._head, resume=self._resume)
        try:
            progress = new_progress(self._show, self._share)
            try:
                yield Engine(self.plan, ledger, self._gate, progress)
            finally:
                with suppress(OSError, ValueError):  # as where the terminal was closed
                    progress.close()
        except BaseException:
            with suppress(OutputError):  # the error there is may hold answers that were paid for
                ledger.close()
            raise
        ledger.close()

    def _share(self, report: Report) -> float | None:
        """The share of the rows that is done."""
        if self.source.total:
            return min(1.0, (report.answered + report.failed + report.skipped) / self.source.total)
        return self.source.fraction_read


def _require_apart(rows: Path | None, to: Path) -> None:
    """Refuse to write where the rows are read."""
    for each in output_paths(to):
        if rows is not None and each.exists() and each.samefile(rows):
            raise InputError(f"{rows} is the input and would be written: name another output.")
