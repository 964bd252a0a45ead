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

A `☴` after white space, or in quotes, is a character like any other: a tick follows a word.

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

__all__ = [
    "LEAD",
    "Anchor",
    "Kind",
    "anchors",
    "lead_pattern",
    "may_have_marks",
    "with_literals",
    "without",
]

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


def may_have_marks(text: str) -> bool:
    """Whether the text holds what every spelling of a mark holds. Fast; if False, it has none."""
    return LEAD in text or any(hint in text for hint in _ESCAPED_HINTS)


def lead_pattern(text: str) -> str:
    """A pattern for the spellings of the first character that the text may hold."""
    patterns = _ANY if any(hint in text for hint in _ESCAPED_HINTS) else _BARE
    return patterns.lead.pattern


def with_literals(text: str) -> str:
    """The text with each character of its own, however it is spelt, as a literal."""
    if any(hint in text for hint in _ESCAPED_HINTS):
        return _ANY.lead.sub(lambda found: found[0] + "=", text)
    return text.replace(LEAD, LEAD + "=")


def anchors(text: str) -> list[Anchor]:
    """The marks in a text, and where the character stands alone, in order."""
    if any(hint in text for hint in _ESCAPED_HINTS) and _ANY.lead.search(text):
        return [_anchor(text, found) for found in _ANY.mark.finditer(text)]
    return _bare_anchors(text) if LEAD in text else []


# What follows the character in any mark but a tick and a literal.
_BESIDE_TICKS = frozenset(":%uedUED")


def _bare_anchors(text: str) -> list[Anchor]:
    """The same, several times faster, where the character is not escaped: most marks are ticks."""
    found: list[Anchor] = []
    parts = text.split(LEAD)
    place, known = len(parts[0]), 0
    for part in parts[1:]:
        start, place = place, place + 1 + len(part)
        if start < known:  # inside the mark before
            continue
        if part[:1] == "=":
            found.append(_new(Anchor, (Kind.LITERAL, start, start + 2, "")))
        elif part[:1] in _BESIDE_TICKS and (mark := _BARE.mark.match(text, start)):
            found.append(_anchor(text, mark))
            known = mark.end()
        else:
            before = text[start - 1 : start]
            is_character = before in _AROUND and _is_alone(text, start, start + 1)
            kind = Kind.CHARACTER if is_character else Kind.TICK
            found.append(_new(Anchor, (kind, start, start + 1, "")))
    return found


_new = tuple.__new__  # NamedTuple's own way to make one takes twice as long


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


_AROUND = frozenset(["", *_QUOTES, *(chr(code) for code in range(0x3001) if chr(code).isspace())])


def _is_alone(text: str, start: int, end: int) -> bool:
    """Whether the character follows no word, or is in quotes; so a tick never stands."""
    if not start:
        return not text[end : end + 1].strip()
    before = text[start - 1]
    return before.isspace() or _QUOTES.get(before) == text[end : end + 1]


def without(text: str, found: Sequence[Anchor], start: int, end: int) -> str:
    """A part of the text without the marks that were found in it; a literal is its character."""
    plain = (Kind.TICK, Kind.CHARACTER)
    cuts = [mark[1:3] if mark[0] in plain else _cut(text, mark) for mark in found]
    begins = [start, *[last for _, last in cuts]]
    ends = [*[first for first, _ in cuts], end]
    return "".join([text[first:last] for first, last in zip(begins, ends, strict=True)])


def _cut(text: str, mark: Anchor) -> tuple[int, int]:
    """What goes of a text where a mark is taken off."""
    kind, start, end, _ = mark
    if kind is Kind.LITERAL:
        return (end - 1 if text[end - 1] == "=" else text.rindex("%", start, end)), end
    has_space = kind in (Kind.CLOSE, Kind.LIGHT_CLOSE) and text[start - 1 : start] == " "
    return start - has_space, end
