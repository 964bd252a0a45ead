"""Incremental decompression of bodies. Sans-I/O.

Identity is asked for, but a gateway may compress all the same. What a small body unpacks to can
be huge, so no step here makes more than a piece's worth, and whoever takes the pieces counts.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from grayswan_core.errors import APIConnectionError, ResponseError

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
        self._begun = b""  # the first bytes of a member, until there are enough to tell its kind
        self._unpack: Any = None

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """What this piece unpacks to, in pieces.

        Raises:
            ResponseError: it is not encoded as its header says.
        """
        if not self._packed:
            yield piece
            return
        while piece := self._begin_member(piece):
            more = True
            while more and not self._unpack.eof:
                unpacked = self._step(piece)
                piece = self._unpack.unconsumed_tail
                more = bool(piece) or len(unpacked) == _PIECE_SIZE
                if unpacked:
                    yield unpacked
            piece = self._unpack.unused_data

    def close(self) -> None:
        """Say that the body has ended.

        Raises:
            APIConnectionError: it is packed and cut short.
        """
        if self._packed and (self._begun or self._unpack is None or not self._unpack.eof):
            raise APIConnectionError("The response body cannot be decompressed: it is truncated.")

    def _begin_member(self, piece: bytes) -> bytes:
        """The bytes to go on with; where nothing is being unpacked, their start tells the kind.

        Raises:
            ResponseError: what follows a whole body is neither more of it, a further member of
                gzip (RFC 1952, 2.2), nor padding.
        """
        follows = self._unpack is not None
        if follows:
            if not self._unpack.eof:
                return piece
            if not self._begun:
                piece = piece.lstrip(b"\0")
        self._begun += piece
        if len(self._begun) < _HEADER_SIZE:
            return b""
        start, self._begun = self._begun, b""
        if follows and not start.startswith(_GZIP):
            raise ResponseError(
                "The response body cannot be decompressed: other bytes follow its end."
            )
        self._unpack = zlib.decompressobj(_window(start))
        return start

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
