"""The lines of a file, each read up to a size: a line of gigabytes is an error, not memory."""

from __future__ import annotations

from typing import BinaryIO

from typing_extensions import Self

from grayswan_batch.errors import RowTooLargeError

__all__ = ["Lines"]

_PIECE = 1 << 16


class Lines:
    """An iterator over lines as bytes, which goes on after an error.

    Args:
        file: Opened for reading, in binary.
        max_size: The longest line, in bytes.

    Attributes:
        number: The number of the latest line, from 1.
        position: How many bytes were read.
    """

    def __init__(self, file: BinaryIO, max_size: int) -> None:
        self._file = file
        self._max_size = max_size
        self.number = 0
        self.position = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        """The next line, with its end.

        Raises:
            RowTooLargeError: it is longer than allowed; the rest of it is skipped.
        """
        line = self._file.readline(self._max_size + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self.position += len(line)
        if len(line) > self._max_size:
            self._skip(line)
            raise RowTooLargeError(
                f"Line {self.number} is longer than {self._max_size:,} bytes (max_row_size)."
            )
        return line

    def _skip(self, piece: bytes) -> None:
        while piece and not piece.endswith(b"\n"):
            piece = self._file.readline(_PIECE)
            self.position += len(piece)
