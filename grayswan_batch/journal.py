"""What the rows of a cluster's job were answered, until the job ends: a SQLite file, not memory."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

__all__ = ["Journal"]


class Journal:
    """Records by task and row.

    Args:
        path: Where it is; made if need be, so that a journal that is started again goes on.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.executescript(_SCHEMA)

    def add(self, task: str, row: str, record: str) -> None:
        """Keep a record, as JSON."""
        self._database.execute(
            "INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", (task, row, record)
        )

    def of_task(self, task: str) -> dict[str, str]:
        """The records of a task that was begun before, by their rows."""
        found = self._database.execute("SELECT row, record FROM answers WHERE task = ?", (task,))
        return dict(found.fetchall())

    def remove(self) -> None:
        """Delete the file."""
        self._database.close()
        for suffix in ("", "-wal", "-shm"):
            with suppress(OSError):
                self._path.with_name(self._path.name + suffix).unlink()


_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS answers (
  task TEXT, row TEXT, record TEXT, PRIMARY KEY (task, row)
) WITHOUT ROWID;
"""
