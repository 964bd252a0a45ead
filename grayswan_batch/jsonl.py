"""A JSONL file that only grows, line by line, and never keeps half a line.

A line is handed to the operating system at once, so it outlives the process (`kill -9`); `sync`
makes it outlive the machine.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from grayswan_batch.errors import OutputError

__all__ = ["JsonLines"]

_PIECE = 1 << 16


class JsonLines:
    """The file, opened for appending; made if need be.

    Args:
        path: Where it is.
        empty: Whether to begin anew.

    Raises:
        OutputError: it cannot be opened.
    """

    def __init__(self, path: Path, *, empty: bool = False) -> None:
        self.path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        try:
            self.descriptor = os.open(path, flags | (os.O_TRUNC if empty else 0), 0o666)
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from error
        self.size = os.fstat(self.descriptor).st_size

    def append(self, record: dict[str, Any]) -> None:
        """Write one line.

        Raises:
            OutputError: it could not be written; the file is as it was.
        """
        left = memoryview(_line(record))
        size = len(left)
        try:
            while left:
                left = left[os.write(self.descriptor, left) :]
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self.descriptor, self.size)
            raise OutputError(
                f"{self.path} cannot be written: {error.strerror or error}. The answers before"
                " are kept: make room, and go on with resume=True.",
                [record],
            ) from error
        self.size += size

    def mend(self) -> None:
        """Drop a last line that is only half there; end one that only lacks its end."""
        start = self._last_line()
        tail = self._read(start, self.size - start)
        if not tail:
            return
        if _is_record(tail):
            os.write(self.descriptor, b"\n")
            self.size += 1
        else:
            os.ftruncate(self.descriptor, start)
            self.size = start

    def sync(self) -> None:
        """Wait until what was written is on the disk."""
        os.fsync(self.descriptor)

    def close(self) -> None:
        """Close the file."""
        os.close(self.descriptor)

    def _last_line(self) -> int:
        """Where a last line without an end begins; the size if there is none."""
        end = self.size
        while end > 0:
            start = max(0, end - _PIECE)
            found = self._read(start, end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
        return 0

    def _read(self, start: int, size: int) -> bytes:
        os.lseek(self.descriptor, start, os.SEEK_SET)
        return os.read(self.descriptor, size)


def _line(record: dict[str, Any]) -> bytes:
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode() + b"\n"
    except UnicodeEncodeError:  # half of a surrogate pair, which UTF-8 has no bytes for
        return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _is_record(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
