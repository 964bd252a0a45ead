"""What was answered, so that nothing is paid for twice.

The output is the truth: an answer counts once its line is in it. Beside it is a SQLite file with
the ids of the lines (up to a place in the output) and the head of the run. When a run is resumed,
what the output has beyond that place is read into the index first.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from grayswan_batch.errors import InputError, OutputError
from grayswan_batch.jsonl import JsonLines
from grayswan_batch.locking import lock

__all__ = ["Ledger", "output_paths"]

_PENDING = 5_000
_TAIL = 256  # bytes before a place, by which it is known again


def output_paths(to: Path) -> tuple[Path, Path, Path]:
    """The answers, the failures and the ledger of a run.

    Raises:
        InputError: the name does not end in `.jsonl`.
    """
    if to.suffix.lower() not in (".jsonl", ".ndjson"):
        raise InputError(f"The output is written as JSON lines: call it {to.stem}.jsonl, not {to}.")
    return to, to.with_suffix(f".failed{to.suffix}"), to.with_suffix(".ledger")


class Ledger:
    """The output of one run.

    Args:
        to: Where the answers go.
        head: What the answers depend on, as JSON: another head is another run.
        resume: Whether to go on with a run that is there.

    Raises:
        InputError: the name does not end in `.jsonl`.
        OutputError: it cannot be written, is there already, is in use, or is another run's.
    """

    def __init__(self, to: Path, head: dict[str, Any], *, resume: bool) -> None:
        answers, failures, index = output_paths(to)
        is_new = not answers.exists() or not answers.stat().st_size
        if not is_new and not resume:
            raise OutputError(
                f"{answers} is there already, and nothing is overwritten. Go on with it by"
                " resume=True, or name another output."
            )
        for each in (answers, failures):
            if each.exists() and each.stat().st_size and not index.exists():
                raise OutputError(
                    f"{each} has no {index.name} beside it, so nothing tells which run it is of."
                    " Name another output."
                )
        self._answers = JsonLines(answers)
        self._failures: JsonLines | None = None
        try:
            if not lock(self._answers.descriptor):
                raise OutputError(f"{answers} is in use by another run.")  # noqa: TRY301
            self._index = _Index(index, answers)
            try:
                self._index.claim(head, is_new=is_new and not resume)
                self._answers.mend()
                self._index.catch_up(self._answers.size)
                # Rows that failed are asked again, so their failures begin anew.
                self._failures = JsonLines(failures, empty=True)
            except BaseException:
                self._index.close()
                raise
        except sqlite3.Error as error:
            self._answers.close()
            raise OutputError(f"{index} cannot be used: {error}.") from error
        except BaseException:
            self._answers.close()
            raise

    @property
    def failures_path(self) -> Path:
        """Where the failures go."""
        return output_paths(self._answers.path)[1]

    def has(self, key: str) -> bool:
        """Whether a row has its answer.

        Raises:
            OutputError: the index cannot be read.
        """
        try:
            return self._index.has(key)
        except sqlite3.Error as error:
            raise OutputError(
                f"The ids of {self._answers.path} cannot be read: {error}."
            ) from error

    def answer(self, key: str, record: dict[str, Any]) -> None:
        """Write down an answer.

        Raises:
            OutputError: it cannot be written.
        """
        self._answers.append(record)
        self._index.add(key)
        if self._index.pending >= _PENDING:
            self.checkpoint()

    def fail(self, record: dict[str, Any]) -> None:
        """Write down a failure.

        Raises:
            OutputError: it cannot be written.
        """
        if self._failures is not None:
            self._failures.append(record)

    def checkpoint(self) -> None:
        """Put what was written on the disk, and its ids into the index."""
        try:
            self._answers.sync()
            self._index.commit(self._answers.size)
        except (OSError, sqlite3.Error) as error:
            raise OutputError(
                f"{self._answers.path} cannot be written: {error}. The answers before are kept."
            ) from error

    def close(self) -> None:
        """Finish the index and close all files.

        Raises:
            OutputError: the index cannot be written; the answers are.
        """
        try:
            self.checkpoint()
        finally:
            self._index.close()
            if self._failures is not None:
                self._failures.close()
            self._answers.close()


class _Index:
    """The SQLite file: the head, and the ids up to a place in the output."""

    def __init__(self, path: Path, answers: Path) -> None:
        self._output = answers
        self._new: set[str] = set()
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._database.executescript(_SCHEMA)
        except sqlite3.Error:
            self._database.close()
            raise

    @property
    def pending(self) -> int:
        return len(self._new)

    def claim(self, head: dict[str, Any], *, is_new: bool) -> None:
        """Note the head of a new run, or compare that of the run that is there."""
        text = json.dumps(head, sort_keys=True)
        found = self._meta("head")
        if found is None or is_new:
            with closing(self._database.cursor()) as cursor:
                cursor.execute("BEGIN IMMEDIATE")
                cursor.execute("DELETE FROM answered")
                cursor.execute("DELETE FROM meta")
                cursor.execute("INSERT INTO meta VALUES ('head', ?)", (text,))
                cursor.execute("COMMIT")
        elif found != text:
            raise OutputError(
                f"{self._output} is of another run: {_difference(json.loads(found), head)}. Name"
                " another output, or go on as it was begun."
            )

    def has(self, key: str) -> bool:
        if key in self._new:
            return True
        found = self._database.execute("SELECT 1 FROM answered WHERE id = ?", (key,))
        return found.fetchone() is not None

    def add(self, key: str) -> None:
        self._new.add(key)

    def commit(self, place: int) -> None:
        self._store(self._new, place)
        self._new.clear()

    def catch_up(self, size: int) -> None:
        """Read what the output has beyond the index."""
        place = int(self._meta("place") or 0)
        if place > size or (place and self._meta("tail") != self._tail(place)):
            place = 0  # the output was changed by hand: it is the truth
            self._database.execute("DELETE FROM answered")
        batch: list[str] = []
        for key, end in self._ids_from(place):
            batch.append(key)
            if len(batch) >= _PENDING:
                self._store(batch, end)
                batch = []
        self._store(batch, size)

    def close(self) -> None:
        self._database.close()

    def _ids_from(self, place: int) -> Iterator[tuple[str, int]]:
        with self._output.open("rb") as file:
            file.seek(place)
            for line in file:
                try:
                    key = str(json.loads(line)["id"])
                except (ValueError, KeyError, TypeError) as error:
                    raise OutputError(
                        f"{self._output} has a line that is no answer, at byte {place:,}. Take it"
                        " out, and resume again."
                    ) from error
                place += len(line)
                yield key, place

    def _store(self, keys: set[str] | list[str], place: int) -> None:
        with closing(self._database.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            # In their order, so that pages are written once.
            ids = [(key,) for key in sorted(keys)]
            cursor.executemany("INSERT OR IGNORE INTO answered VALUES (?)", ids)
            values = [("place", str(place)), ("tail", self._tail(place))]
            cursor.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values)
            cursor.execute("COMMIT")

    def _tail(self, place: int) -> str:
        with self._output.open("rb") as file:
            file.seek(max(0, place - _TAIL))
            return hashlib.sha256(file.read(min(place, _TAIL))).hexdigest()

    def _meta(self, name: str) -> str | None:
        found = self._database.execute("SELECT value FROM meta WHERE name = ?", (name,))
        row = found.fetchone()
        return None if row is None else str(row[0])


_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA cache_size = -8192;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answered (id TEXT PRIMARY KEY) WITHOUT ROWID;
"""


def _difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Which parts of a head differ, in words."""
    was, is_ = dict(_leaves(before)), dict(_leaves(now))
    names = [name for name in {**was, **is_} if was.get(name) != is_.get(name)]
    return "; ".join(
        f"{name} was {_short(was.get(name))} and is {_short(is_.get(name))}" for name in names
    )


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The values in nested mappings, each with its dotted name."""
    if not isinstance(value, dict):
        yield name, value
        return
    for key, item in value.items():
        yield from _leaves(item, f"{name}.{key}" if name else key)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004
