"""Rows in: an iterable, or a JSONL or CSV file. A bad line is an error in its place."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from operator import length_hint
from pathlib import Path
from typing import Any, TypeAlias

from grayswan_batch.errors import InputError, RowError, UnreadableRowError
from grayswan_batch.lines import Lines

__all__ = ["Item", "Row", "Rows", "Source", "as_row"]

Row: TypeAlias = dict[str, Any]
Item: TypeAlias = Row | RowError
"""What a source yields: a row, or why there is none in this place."""

Rows: TypeAlias = str | os.PathLike[str] | Iterable[Any] | AsyncIterable[Any]
"""What callers pass: a path, or an iterable of mappings (or strings, which are prompts)."""

_JSON_LINES = (".jsonl", ".ndjson")


class Source:
    """The rows of one input, read as they are needed.

    Args:
        rows: A path that ends in `.jsonl`, `.ndjson` or `.csv`, or an iterable.
        max_row_size: The longest line of a file, in bytes.

    Raises:
        InputError: there is no such file, or it is of another kind.
    """

    def __init__(self, rows: Rows, max_row_size: int) -> None:
        given: Any = rows  # callers may pass anything
        self._rows = rows
        self._max_row_size = max_row_size
        self._lines: Lines | None = None
        self._size = 0
        self.path: Path | None = None
        self.columns: list[str] | None = None
        self.total = None if isinstance(given, str) else length_hint(given, 0) or None
        if isinstance(rows, (str, os.PathLike)):
            self.path = _readable(Path(rows))
            self._size = self.path.stat().st_size
        elif not _is_iterable(given):
            raise InputError(
                f"rows is a path or an iterable of rows, not {type(rows).__name__}. Put a single"
                " row into a list."
            )

    @property
    def is_async(self) -> bool:
        """Whether the rows come from an async iterable."""
        return isinstance(self._rows, AsyncIterable)

    @property
    def fraction_read(self) -> float | None:
        """The share of a file that was read, from 0 to 1; None where that is not known."""
        if self._lines is None or not self._size:
            return None
        return min(1.0, self._lines.position / self._size)

    def __iter__(self) -> Iterator[Item]:
        if self.path is not None:
            yield from self._file_items(self.path)
        elif isinstance(self._rows, Iterable):
            yield from map(as_row, self._rows)
        else:
            raise InputError("The rows are an async iterable: use `await arun(...)`.")

    async def __aiter__(self) -> AsyncIterator[Item]:
        if isinstance(self._rows, AsyncIterable):
            async for row in self._rows:
                yield as_row(row)
        else:
            for item in self:
                yield item

    def _file_items(self, path: Path) -> Iterator[Item]:
        with path.open("rb") as file:
            self._lines = Lines(file, self._max_row_size)
            if path.suffix.lower() == ".csv":
                yield from self._csv_items(self._lines, path)
            else:
                yield from _json_items(self._lines)

    def _csv_items(self, lines: Lines, path: Path) -> Iterator[Item]:
        csv.field_size_limit(max(csv.field_size_limit(), self._max_row_size))
        texts = _Texts(lines)
        reader = csv.reader(texts, strict=True)
        self.columns = _header(reader, texts, path)
        if not self.columns:
            return
        while True:
            texts.begin()
            try:
                if (values := next(reader, None)) is None:
                    return
            except csv.Error as error:
                yield UnreadableRowError(f"{texts.lines} not CSV: {error}.")
            except RowError as error:
                yield error
            else:
                if values:
                    yield texts.error or _csv_row(self.columns, values, lines.number)


def as_row(value: Any) -> Item:
    """A caller's row as a dict; a string is a row whose column `prompt` it is."""
    if isinstance(value, str):
        return {"prompt": value}
    if isinstance(value, Mapping):
        return {str(name): item for name, item in value.items()}
    return UnreadableRowError(
        f"A row is a mapping of columns or a string, not {type(value).__name__}."
    )


def _is_iterable(value: object) -> bool:
    return isinstance(value, (Iterable, AsyncIterable)) and not isinstance(value, Mapping)


class _Texts:
    """Lines as text, for the CSV reader; like `Lines`, it goes on after an error.

    A row may have several lines. If one of them is no text, the row is read to its end all the
    same, so that its other lines are not taken for rows.
    """

    error: RowError | None = None
    """Why the row is no text."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._first = 1

    def begin(self) -> None:
        """Begin a row."""
        self.error, self._first = None, self._lines.number + 1

    @property
    def lines(self) -> str:
        """The lines of the row, as the beginning of a sentence."""
        last = self._lines.number
        return f"Line {last} is" if last <= self._first else f"Lines {self._first} to {last} are"

    def __iter__(self) -> _Texts:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        try:
            return _decode(line, self._lines.number)
        except UnreadableRowError as error:
            self.error = self.error or error
            return line.decode(errors="replace")


def _readable(path: Path) -> Path:
    if path.suffix.lower() not in (*_JSON_LINES, ".csv"):
        raise InputError(
            f"{path} is not a kind of file that is read here: .jsonl, .ndjson or .csv. For"
            " anything else pass an iterable of rows."
        )
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error


def _json_items(lines: Lines) -> Iterator[Item]:
    while True:
        try:
            if (line := next(lines, None)) is None:
                return
        except RowError as error:  # noqa: PERF203 - each line may be bad
            yield error
        else:
            if not line.isspace():
                yield _json_row(line, lines.number)


def _json_row(line: bytes, number: int) -> Item:
    try:
        value = json.loads(_decode(line, number))
    except RowError as error:
        return error
    except ValueError as error:
        return UnreadableRowError(f"Line {number} is not JSON: {error}.")
    except RecursionError:
        return UnreadableRowError(f"Line {number} is nested too deeply.")
    if not isinstance(value, (dict, str)):
        return UnreadableRowError(
            f"Line {number} is a JSON {type(value).__name__}; a row is an object or a string."
        )
    return as_row(value)


def _header(reader: Iterator[list[str]], texts: _Texts, path: Path) -> list[str] | None:
    """The columns, or None where there is no line.

    Raises:
        InputError: they cannot be read, or two have one name.
    """
    try:
        columns = next(filter(None, reader), None)
    except (csv.Error, RowError) as error:
        raise InputError(f"{path} has no header that can be read: {error}") from error
    if texts.error is not None:
        raise InputError(f"{path} has no header that can be read: {texts.error}")
    if columns and len(set(columns)) < len(columns):
        raise InputError(f"{path} has two columns of one name: {', '.join(columns)}.")
    return columns


def _csv_row(columns: list[str], values: list[str], number: int) -> Item:
    if len(values) != len(columns):
        return UnreadableRowError(
            f"Line {number} has {len(values)} fields, and the header has {len(columns)}."
        )
    return dict(zip(columns, values, strict=True))


def _decode(line: bytes, number: int) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableRowError(f"Line {number} is not UTF-8: {error.reason}.") from error
