"""Incremental decompression of bodies. Sans-I/O.

Identity is asked for, but a gateway may compress all the same. What a small body unpacks to can
be huge, so no step here makes more than a piece's worth, and whoever takes the pieces counts.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from grayswan_core.errors import ResponseError

__all__ = ["Unpacker"]

_PIECE_SIZE = 64 * 1024

# zlib's way to say: a gzip or a zlib header, whichever comes.
_ANY_HEADER = 32 + zlib.MAX_WBITS

_GZIP = b"\x1f\x8b"
_HEADER_SIZE = 2


class Unpacker:
    """Unpacks one body.

    Args:
        coding: The header `content-encoding`.

    Raises:
        ResponseError: the coding is none that can be unpacked here.
    """

    def __init__(self, coding: str) -> None:
        named = [name.strip().lower() for name in coding.split(",")]
        codings = [name for name in named if name not in ("", "identity")]
        if codings not in ([], ["gzip"], ["x-gzip"], ["deflate"]):
            raise ResponseError(
                f"The response is encoded as {coding[:100]!r}, which was not requested and cannot"
                " be decompressed within the limits. A gateway on the way may be set to do so."
            )
        self._packed = bool(codings)
        self._begun = b""
        self._unpack: Any = None

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """What this piece unpacks to, in pieces.

        Raises:
            ResponseError: it is not encoded as its header says.
        """
        if not self._packed:
            yield piece
            return
        if self._unpack is None:
            self._begun += piece
            if len(self._begun) < _HEADER_SIZE:
                return
            piece = self._begun
            self._unpack = zlib.decompressobj(_window(piece))
        more = True
        while more and not self._unpack.eof:
            unpacked = self._step(piece)
            piece = self._unpack.unconsumed_tail
            more = bool(piece) or len(unpacked) == _PIECE_SIZE
            if unpacked:
                yield unpacked

    def close(self) -> None:
        """Say that the body has ended.

        Raises:
            ResponseError: it is packed and cut short.
        """
        if self._packed and not (self._unpack is not None and self._unpack.eof):
            raise ResponseError("The response body cannot be decompressed: it is truncated.")

    def _step(self, piece: bytes) -> bytes:
        try:
            unpacked: bytes = self._unpack.decompress(piece, _PIECE_SIZE)
        except zlib.error as error:
            raise ResponseError(f"The response body cannot be decompressed: {error}.") from error
        return unpacked


def _window(start: bytes) -> int:
    """How zlib is told what comes: with its own header, gzip's, or (against the RFC) none."""
    own = start[0] & 0x0F == zlib.DEFLATED and int.from_bytes(start[:2], "big") % 31 == 0
    if own or start.startswith(_GZIP):
        return _ANY_HEADER
    return -zlib.MAX_WBITS
