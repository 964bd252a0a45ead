r"""How marks are spelt, and where they are in a text. Sans-I/O.

A marked text looks like this, so that who reads a log or a trace sees what it is:

    ☴untrusted:k3x7f2a5bq☴ Ohio is sunny today, with a light☴ wind.☴
    Rain☴ comes tomorrow. ☴end:k3x7f2a5bq☴

or, where nothing will cut it any more, without the marks inside:

    ☴data:k3x7f2a5bq☴ Ohio is sunny today. ☴enddata:k3x7f2a5bq☴

All marks begin with one character that ordinary text does not have:

* `☴untrusted:ID☴` and `☴end:ID☴`, or `☴data:ID☴` and `☴enddata:ID☴`, stand around the text.
  The ID is a keyed hash of the text (`ids`): who wrote the text cannot know it.
* `☴` after a word is a tick (`ticks`). Inside long words the tick is `☴:`.
* `☴=` stands for a `☴` that was in the text itself.

A `☴` with white space on both sides, or in quotes, is a character like any other: a tick follows
a word.

Templates may write the character in other ways: JSON as `\u2634`, HTML as `&#9780;`, a URL as
`%E2%98%B4`. All are read. Letters may change their case; white space may be added or lost.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from functools import cached_property
from typing import NamedTuple

from grayswan_core.untrusted.ids import ID_LENGTH

__all__ = ["LEAD", "Anchor", "Kind", "anchors", "leads", "may_have_marks", "without"]

LEAD = "\N{TRIGRAM FOR WIND}"

# How JSON (also in JSON), HTML (also escaped twice) and URLs spell the character. Each begins
# with a character that the rest of it lacks, or lies behind none of its own: so a long run of
# one of them is looked at once and not once from each of its characters.
_LEADS_ESCAPED = (
    r"(?<!\\)\\+u2634|&(?:amp;)*\#0*9780;|&(?:amp;)*\#x0*2634;|%(?:25)*E2%(?:25)*98%(?:25)*B4"
)
_ESCAPED_HINTS = ("2634", "9780;", "98%")

_NAMES = ("untrusted", "enddata", "data", "end")

_PATTERN = r"""
    LEAD(?:
        (?P<open> untrusted COLON (?P<opened>ID) LEAD [ ]? )
      | (?P<close> end COLON (?P<closed>ID) LEAD )
      | (?P<light_open> data COLON (?P<light_opened>ID) LEAD [ ]? )
      | (?P<light_close> enddata COLON (?P<light_closed>ID) LEAD )
      | (?P<literal> = | %(?:25)*3D )
      # A tick, or what is left of another mark when a cut went through it.
      | (?P<cut> (?:NAMES) COLON [a-z2-7]{0,LENGTH} (?:LEAD)? | COLON | (?:PARTS)(?=\W|$) )
      | (?P<tick> )
    )
"""


class Kind(Enum):
    """What a mark says."""

    OPEN = "open"
    CLOSE = "close"
    LIGHT_OPEN = "light_open"
    LIGHT_CLOSE = "light_close"
    TICK = "tick"
    LITERAL = "literal"
    CHARACTER = "character"
    """No mark, but the character alone: one that somebody typed."""


class Anchor(NamedTuple):
    """One mark found in a text.

    Attributes:
        kind: What it says.
        start: Where it begins, as an index into the text.
        end: Where it ends.
        id: The ID of an opening or closing mark, whoever made it; else empty.
    """

    kind: Kind
    start: int
    end: int
    id: str = ""


class _Patterns:
    """The patterns of the marks, for one set of ways to write the first character."""

    def __init__(self, lead: str) -> None:
        self._lead = lead

    # Compiled when first needed, as most of the time of this module's import would go there.
    @cached_property
    def mark(self) -> re.Pattern[str]:
        parts = {name[:length] for name in _NAMES for length in range(1, len(name) + 1)}
        spelt = {
            "LEAD": f"(?:{self._lead})",
            "COLON": "(?::|%(?:25)*3A)",
            "NAMES": "|".join(_NAMES),
            "PARTS": "|".join(sorted(parts, key=len, reverse=True)),
            "LENGTH": str(ID_LENGTH),
        }
        spelt["ID"] = f"[a-z2-7]{{{ID_LENGTH}}}"
        verbose = re.sub("|".join(spelt), lambda found: spelt[found[0]], _PATTERN)
        return re.compile(verbose, re.IGNORECASE | re.VERBOSE)

    @cached_property
    def lead(self) -> re.Pattern[str]:
        return re.compile(self._lead, re.IGNORECASE)


# Looking for the bare character alone is many times faster, and nearly always enough.
_BARE = _Patterns(LEAD)
_ANY = _Patterns(f"{LEAD}|{_LEADS_ESCAPED}")

leads = _ANY
"""The patterns for every spelling."""


def may_have_marks(text: str) -> bool:
    """Whether the text holds what every spelling of a mark holds. Fast; if False, it has none."""
    return LEAD in text or any(hint in text for hint in _ESCAPED_HINTS)


def anchors(text: str) -> list[Anchor]:
    """The marks in a text, and where the character stands alone, in order."""
    if any(hint in text for hint in _ESCAPED_HINTS) and _ANY.lead.search(text):
        found = _ANY.mark.finditer(text)
    elif LEAD in text:
        found = _BARE.mark.finditer(text)
    else:
        return []
    return [_anchor(text, each) for each in found]


_KINDS = {kind.value: kind for kind in Kind} | {"cut": Kind.TICK}
_IDS = {
    Kind.OPEN: "opened",
    Kind.CLOSE: "closed",
    Kind.LIGHT_OPEN: "light_opened",
    Kind.LIGHT_CLOSE: "light_closed",
}


def _anchor(text: str, found: re.Match[str]) -> Anchor:
    name = found.lastgroup or ""
    start, end = found.span()
    if text[start] == "\\":
        # JSON has doubled each backslash of the text as often as it has those of the mark. So of
        # all that stand here together, the largest power of two that divides their number are
        # the mark's.
        count = found[0].lower().index("u")
        start += count - (count & -count)
    if name == "tick":
        return Anchor(Kind.CHARACTER if _is_alone(text, start, end) else Kind.TICK, start, end)
    kind = _KINDS[name]
    return Anchor(kind, start, end, found[_IDS[kind]].lower() if kind in _IDS else "")


_QUOTES = dict(zip("'\"`([{\u2018\u201c\u00ab", "'\"`)]}\u2019\u201d\u00bb", strict=True))


def _is_alone(text: str, start: int, end: int) -> bool:
    """Whether the character has white space or the text's end on both sides, or is in quotes."""
    before, after = text[start - 1] if start else " ", text[end : end + 1] or " "
    return _QUOTES.get(before) == after or (before.isspace() and after.isspace())


def without(text: str, found: Sequence[Anchor], start: int, end: int) -> str:
    """A part of the text without the marks that were found in it; a literal is its character."""
    parts: list[str] = []
    for kind, first, last, _ in found:
        if kind in (Kind.CLOSE, Kind.LIGHT_CLOSE) and text[first - 1 : first] == " ":
            parts.append(text[start : max(start, first - 1)])
        else:
            parts.append(text[start:first])
        start = last
        if kind is Kind.LITERAL:
            literal = text[first:last]
            parts.append(literal[:-1] if literal[-1] == "=" else literal[: literal.rindex("%")])
    parts.append(text[start:end])
    return "".join(parts)
