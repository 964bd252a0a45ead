"""What the API says, made fit for a message: no control characters, no secret, not too long."""

from __future__ import annotations

import html
import json
import re
from functools import lru_cache

__all__ = ["CUT", "HIDDEN", "printable", "redact", "shortened"]

HIDDEN = "***"
CUT = "..."
"""What stands where a text was cut."""

# ECMA-48: what a terminal acts on, with its parameters (CSI), or with a text (OSC, DCS and so on).
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|(?:\x1b[]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*"
    r"(?:\x07|\x9c|\x1b\\)?|\x1b[ -/]*[0-~]?"
)

# A shorter piece of a secret tells nothing.
_SHORTEST_PIECE = 4

_BEFORE_A_CUT = re.compile(r"""(?:\.\.\.|["']?[.!?]?\Z)""")


def printable(text: str) -> str:
    """The text on one line, without terminal escapes, control, bidi and invisible characters."""
    if text.isprintable():
        return text
    text = _ESCAPES.sub("", text)
    return "".join(
        character if character.isprintable() else " " if character.isspace() else ""
        for character in text
    )


def shortened(text: str, length: int) -> str:
    """The text, cut to a length in characters if it is longer, with a sign where it is cut."""
    return text if len(text) <= length else text[:length] + CUT


def redact(text: str, secret: str) -> str:
    """The text without a secret, however it is spelt, and without the start of one at a cut."""
    for spelling in _spellings(secret):
        if spelling[:_SHORTEST_PIECE] in text:
            text = _without_cut_piece(text.replace(spelling, HIDDEN), spelling)
    return text


@lru_cache(maxsize=64)
def _spellings(secret: str) -> tuple[str, ...]:
    """The secret as it is, and as JSON, HTML, Python's `repr` and our one-line form have it."""
    quoted = json.dumps(secret)[1:-1]
    forms = (
        secret,
        repr(secret)[1:-1],
        repr(secret + '"')[1:-2],
        quoted,
        quoted.replace("/", "\\/"),
        repr(quoted)[1:-1],
        html.escape(secret),
        " ".join(secret.split()),
    )
    return tuple(dict.fromkeys(filter(None, forms)))


def _without_cut_piece(text: str, secret: str) -> str:
    kept, place = [], 0
    while (start := text.find(secret[:_SHORTEST_PIECE], place)) >= 0:
        end = start + _SHORTEST_PIECE
        while end < len(text) and end - start < len(secret) and text[end] == secret[end - start]:
            end += 1
        kept += [text[place:start], HIDDEN if _BEFORE_A_CUT.match(text, end) else text[start:end]]
        place = end
    return "".join([*kept, text[place:]])
