"""Tool-call arguments read while they are still arriving, in time linear in their length. Sans-I/O.

JSON is parsed from its beginning each time, so to parse it after every piece costs the square of
its length. Here long text is parsed again only once it has grown by a sixteenth, or has a new key.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic_core import from_json

__all__ = ["PartialArguments", "arguments_so_far"]

_SHORT = 2048
"""Characters. Up to here every piece is worth a look."""

_GROWTH = 16

# A key's value may begin in a later piece than its colon, and be unreadable in pieces: `tr`, `-`.
_PIECES_OF_A_VALUE = 8

_INSIDE = re.compile(r'["\\]')
_OUTSIDE = re.compile(r'["{}\[\]:]')
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_CONTROL = re.compile("[\x00-\x1f]")


def arguments_so_far(text: str) -> dict[str, Any]:
    """The arguments of a call that is still arriving: what can be read of them."""
    try:
        arguments = from_json(text, allow_partial="trailing-strings")
    except ValueError:
        if not _CONTROL.search(text):
            return {}
        try:
            # Models write line breaks into strings as they are; what is meant is plain.
            arguments = from_json(_STRING.sub(_escaped, text), allow_partial="trailing-strings")
        except ValueError:
            return {}
    return arguments if isinstance(arguments, dict) else {}


def _escaped(string: re.Match[str]) -> str:
    return _CONTROL.sub(lambda sign: f"\\u{ord(sign[0]):04x}", string[0])


class PartialArguments:
    """The arguments of one call as far as they have come.

    Above 2 KB a piece is skipped while the text has grown by less than a sixteenth since the last
    look, unless it brings a new key of the object. The caller parses the whole text at the end.
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._read_length = 0
        self._keys = 0
        self._attempts = 0
        self._scanner = _KeyScanner()

    def add(self, piece: str) -> dict[str, Any] | None:
        """Take one piece in; the arguments so far, or None where it is not worth a look."""
        self._pieces.append(piece)
        self._length += len(piece)
        if self._scanner.finds_key(piece):
            self._attempts = _PIECES_OF_A_VALUE
        if not self._is_due():
            return None
        self._pieces = ["".join(self._pieces)]
        self._read_length = self._length
        arguments = arguments_so_far(self._pieces[0])
        self._attempts = 0 if len(arguments) > self._keys else max(self._attempts - 1, 0)
        self._keys = len(arguments)
        return arguments

    def _is_due(self) -> bool:
        grown = self._length - self._read_length
        return self._length <= _SHORT or self._attempts > 0 or grown * _GROWTH >= self._read_length


class _KeyScanner:
    """Tells where JSON that comes in pieces begins the value of a key of its outer object."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._is_escaped = False

    def finds_key(self, piece: str) -> bool:
        """Whether the colon after such a key is in the next piece."""
        found = False
        position = int(self._is_escaped and bool(piece))
        self._is_escaped = self._is_escaped and not piece
        while sign := (_INSIDE if self._in_string else _OUTSIDE).search(piece, position):
            position = sign.end()
            if sign[0] == '"':
                self._in_string = not self._in_string
            elif sign[0] == "\\":
                self._is_escaped = position == len(piece)
                position += 1
            elif sign[0] == ":":
                found = found or self._depth == 1
            else:
                self._depth += 1 if sign[0] in "{[" else -1
        return found
