"""What tells one row from another: the user's column, or a hash with an occurrence number.

How often an id has come is kept in a temporary SQLite database, on disk when it grows, because
a hundred million ids do not fit into memory.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from grayswan_batch.errors import (
    DuplicateIdError,
    InputError,
    MissingColumnError,
    OutputError,
    RowError,
)
from grayswan_batch.rows import Row

__all__ = ["Occurrences", "RowId", "RowIds", "hash_of"]

_CACHE_KIB = 8192


@dataclass(frozen=True)
class RowId:
    """A row's id.

    Attributes:
        shown: As it is written to the output: a string, or the user's integer.
        key: The same as text.
    """

    shown: str | int
    key: str


class RowIds:
    """Gives each row of one run its id.

    Args:
        column: The column that has it; None for hashes.
    """

    def __init__(self, column: str | None) -> None:
        self._column = column
        self._seen = Occurrences()

    def of(self, row: Row) -> RowId:
        """The id of the next row.

        Raises:
            MissingColumnError: it has none.
            DuplicateIdError: an earlier row has it.
            RowError: it cannot be one.
        """
        if self._column is None:
            digest = hash_of(row)
            name = f"{digest}-{self._seen.count(digest)}"
            return RowId(name, name)
        value = row.get(self._column)
        if value is None or value == "":
            raise MissingColumnError(f"The column {self._column!r}, which has the ids, is empty.")
        if not isinstance(value, (str, int)) or isinstance(value, bool):
            raise RowError(f"An id is a string or an integer, not {type(value).__name__}.")
        if self._seen.count(str(value)) > 1:
            raise DuplicateIdError(f"An earlier row has the id {value!r}.")
        return RowId(value, str(value))

    def close(self) -> None:
        """Drop the temporary database."""
        self._seen.close()


class Occurrences:
    """Counts keys, in bounded memory."""

    def __init__(self) -> None:
        # An empty name is a private temporary file, of which only a cache is in memory.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(
            "CREATE TABLE seen (key TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID"
        )
        self._database.execute("BEGIN")

    def count(self, key: str) -> int:
        """How often the key has come, this time included.

        Raises:
            OutputError: there is no room for it.
        """
        run = self._database.execute
        try:
            if run("INSERT OR IGNORE INTO seen VALUES (?, 1)", (key,)).rowcount:
                return 1
            run("UPDATE seen SET count = count + 1 WHERE key = ?", (key,))
            (count,) = run("SELECT count FROM seen WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error as error:
            raise OutputError(
                f"The ids of the rows cannot be kept in {tempfile.gettempdir()}: {error}. Make room"
                " there, or point SQLITE_TMPDIR elsewhere, and go on with resume=True."
            ) from error
        return int(count)

    def close(self) -> None:
        """Drop the counts."""
        self._database.close()


def hash_of(row: Row) -> str:
    """A hash that a row of the same columns and values has in every process.

    Raises:
        RowError: a value has no form that is the same in every process.
    """
    try:
        text = json.dumps(row, sort_keys=True, ensure_ascii=False, default=_stable)
        return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=12).hexdigest()
    except (TypeError, ValueError, RecursionError) as error:
        raise RowError(f"The row has no stable hash: {error} Pass id= with a column.") from error


def _stable(value: Any) -> Any:
    if isinstance(value, (date, time, timedelta, Decimal, UUID, PurePath)):
        return str(value)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    for method in ("tolist", "model_dump"):  # numpy's arrays and scalars, pydantic's models
        if callable(plain := getattr(value, method, None)):
            return plain()
    raise TypeError(f"{type(value).__name__} is not a value that can be compared between runs.")


def require_column(column: str | None, columns: list[str] | None, what: str) -> None:
    """Refuse a column that a file's header does not have.

    Raises:
        InputError: it is not there.
    """
    if column is not None and columns is not None and column not in columns:
        raise InputError(f"{what} {column!r} is not among the columns: {', '.join(columns)}.")
