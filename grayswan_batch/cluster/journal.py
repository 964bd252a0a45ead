"""What the rows of a cluster's job were answered, until the job ends: on disk, not in memory.

Ray tells no operator which task it runs, so a batch is known by its content and by the worker that
had it. A worker that was started again is handed what it had in its earlier life, each batch
once; two workers (or one, twice) with equal batches ask separately.
"""

from __future__ import annotations

import sqlite3

__all__ = ["Journal"]

_CACHE_KIB = 8192


class Journal:
    """Records by batch and row, in a temporary file without a name, gone with the process."""

    def __init__(self) -> None:
        # An empty name is a private temporary file, of which only a cache is in memory.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.executescript(_SCHEMA)

    def begin(self, batch: str, worker: str, life: str) -> tuple[int, dict[int, str]]:
        """A worker begins a batch.

        Args:
            batch: A digest of its rows.
            worker: The worker's name, which outlives its death.
            life: A name that does not.

        Returns:
            the number under which its answers are kept, and those that are there already.
        """
        run = self._database.execute
        query = "SELECT id FROM batches WHERE batch = ? AND worker = ? AND life <> ? LIMIT 1"
        found = run(query, (batch, worker, life)).fetchone()
        if found is None:
            values = (batch, worker, life)
            added = run("INSERT INTO batches (batch, worker, life) VALUES (?, ?, ?)", values)
            return int(added.lastrowid or 0), {}
        (number,) = found
        run("UPDATE batches SET life = ? WHERE id = ?", (life, number))
        answers = run("SELECT row, record FROM answers WHERE batch = ?", (number,))
        return number, dict(answers.fetchall())

    def add(self, number: int, row: int, record: str) -> None:
        """Keep the record of a row of a batch, as JSON."""
        values = (number, row, record)
        self._database.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", values)

    def close(self) -> None:
        """Drop all records."""
        self._database.close()


_SCHEMA = f"""
PRAGMA cache_size = -{_CACHE_KIB};
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE batches (id INTEGER PRIMARY KEY, batch TEXT, worker TEXT, life TEXT);
CREATE INDEX by_batch ON batches (batch, worker);
CREATE TABLE answers (
  batch INTEGER, row INTEGER, record TEXT, PRIMARY KEY (batch, row)
) WITHOUT ROWID;
"""
