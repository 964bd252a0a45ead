r"""The marks that untrusted text carries through templates: how they are spelt. Pure.

A marked text looks like this, so that who reads a log or a trace sees what it is:

    ☴untrusted:k3x9f2a7b1☴ Ohio is sunny today, with a light☴ wind.☴
    Rain☴ comes tomorrow. ☴end:k3x9f2a7b1☴

There are three marks, and all begin with one character that ordinary text does not have:

* `☴untrusted:ID☴` opens and `☴end:ID☴` closes. The ID is made anew each time, after the text it
  is for, and signed with a key of this process: who wrote the text cannot know it.
* `☴` after a word is a tick: after every seventh word of a line, after its last and, from the
  second line on, after its first. So a piece cut out of the text anywhere still says what it
  is, on each line where it begins or ends. Inside long words the tick is `☴:`.
* `☴=` stands for a `☴` that was in the text itself.

Templates may write the character in other ways: JSON as `\u2634`, HTML as `&#9780;`, a URL as
`%E2%98%B4`. All are read. Letters may change their case; white space may be added or lost.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from base64 import b32encode
from collections.abc import Sequence
from enum import Enum
from functools import cached_property
from typing import NamedTuple

__all__ = [
    "WORDS_PER_TICK",
    "Anchor",
    "Kind",
    "anchors",
    "few_words",
    "has_marks",
    "mark_untrusted",
    "may_be_ours",
    "may_have_marks",
    "without_marks",
]

WORDS_PER_TICK = 7
"""Any more words of a marked text than this, cut out anywhere, have a mark among them."""

_LETTERS_PER_TICK = 24
_IDEOGRAPHS_PER_TICK = 12

_LEAD = "\N{TRIGRAM FOR WIND}"

# How JSON (also in JSON), HTML (also escaped twice) and URLs spell the character. Each begins
# with a character that the rest of it lacks, or lies behind none of its own: so a long run of
# one of them is looked at once and not once from each of its characters.
_LEADS_ESCAPED = (
    r"(?<!\\)\\+u2634|&(?:amp;)*\#0*9780;|&(?:amp;)*\#x0*2634;|%(?:25)*E2%(?:25)*98%(?:25)*B4"
)
_ESCAPED_HINTS = ("2634", "9780;", "98%")

_RANDOM_LENGTH = 5
_SIGNATURE_LENGTH = 5
_KEY = os.urandom(32)
_issued = False

_PATTERN = r"""
    LEAD(?:
        (?P<close> end COLON (?P<closed>ID) LEAD )
      | (?P<open> untrusted COLON (?P<opened>ID) LEAD [ ]? )
      | (?P<literal> = | %(?:25)*3D )
      # A tick, or what is left of another mark when a cut went through it.
      | (?P<tick> (?:untrusted|end) COLON [a-z2-7]{0,LENGTH} (?:LEAD)? | COLON | CUT(?=\W|$) | )
    )
"""
_CUT = "(?:u(?:n(?:t(?:r(?:u(?:s(?:t(?:ed?)?)?)?)?)?)?)?|e(?:nd?)?)"


class _Patterns:
    """The patterns of the marks, for one set of ways to write the first character."""

    def __init__(self, lead: str) -> None:
        self._lead = lead

    # Compiled when first needed, as most of the time of this module's import would go there.
    @cached_property
    def mark(self) -> re.Pattern[str]:
        spelt = {
            "LEAD": f"(?:{self._lead})",
            "COLON": "(?::|%(?:25)*3A)",
            "CUT": _CUT,
            "LENGTH": str(_RANDOM_LENGTH + _SIGNATURE_LENGTH),
        }
        spelt["ID"] = f"[a-z2-7]{{{spelt['LENGTH']}}}"
        verbose = re.sub("|".join(spelt), lambda found: spelt[found[0]], _PATTERN)
        return re.compile(verbose, re.IGNORECASE | re.VERBOSE)

    @cached_property
    def lead(self) -> re.Pattern[str]:
        return re.compile(f"({self._lead})", re.IGNORECASE)


# Looking for the bare character alone is many times faster, and nearly always enough.
_BARE = _Patterns(_LEAD)
_ANY = _Patterns(f"{_LEAD}|{_LEADS_ESCAPED}")

_IDEOGRAPH = "[\u2e80-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]"


class _Places:
    """The patterns of the places where ticks go."""

    @cached_property
    def words(self) -> re.Pattern[str]:
        """As many words of one line as go without a tick."""
        return re.compile(rf"(?<!\S)\S+(?:[^\S\n]+\S+){{0,{WORDS_PER_TICK - 1}}}")

    @cached_property
    def first_word(self) -> re.Pattern[str]:
        """The first word of a line with more than one."""
        return re.compile(r"\n[^\S\n]*\S+(?=[^\S\n]+\S)")

    # Chinese and Japanese put no space between words.
    @cached_property
    def long_word(self) -> re.Pattern[str]:
        """A word too long to go without."""
        return re.compile(rf"(?<!\S)(?:\S{{{_LETTERS_PER_TICK + 1},}}|\S*?{_IDEOGRAPH}\S+)")

    @cached_property
    def part(self) -> re.Pattern[str]:
        """A part of a long word."""
        return re.compile(
            rf"{_IDEOGRAPH}{{1,{_IDEOGRAPHS_PER_TICK}}}"
            rf"|(?:(?!{_IDEOGRAPH}).){{1,{_LETTERS_PER_TICK}}}",
            re.DOTALL,
        )


_PLACES = _Places()


class Kind(Enum):
    """What a mark says."""

    OPEN = "open"
    CLOSE = "close"
    TICK = "tick"
    LITERAL = "literal"


class Anchor(NamedTuple):
    """One mark found in a text.

    Attributes:
        kind: What it says.
        start: Where it begins, as an index into the text.
        end: Where it ends.
        id: The ID of an opening or closing mark whose signature is right; else empty.
    """

    kind: Kind
    start: int
    end: int
    id: str = ""


def mark_untrusted(text: str) -> str:
    """The text with marks that say it is untrusted, wherever it goes from here.

    Marking twice is marking once, also where the first marking has lost its ends to a cut. Text
    without a word comes back as it is.
    """
    if _is_marked(text):
        text = without_marks(text)
    if not text.strip():
        return text
    global _issued  # noqa: PLW0603 - whether there are marks of ours is a fact of the process
    _issued = True
    name = _new_id()
    ticked = _ticked(text).removesuffix(_LEAD)
    return f"{_LEAD}untrusted:{name}{_LEAD} {ticked} {_LEAD}end:{name}{_LEAD}"


def may_be_ours(run: Sequence[Anchor]) -> bool:
    """Whether marks that stand together may come from here, or are but characters of the text.

    An opening or closing mark is in doubt, whoever made it. A tick alone is so only in a process
    that has marked a text: elsewhere `☴` is a character like any other.
    """
    return _issued or any(anchor.kind in {Kind.OPEN, Kind.CLOSE} for anchor in run)


def without_marks(text: str) -> str:
    """The text without any mark, as it was before it was marked."""
    parts: list[str] = []
    place = 0
    for anchor in anchors(text):
        before = text[place : anchor.start]
        if anchor.kind is Kind.CLOSE:
            before = before.removesuffix(" ")
        parts.append(before)
        if anchor.kind is Kind.LITERAL:
            parts.append(_without_equals(text[anchor.start : anchor.end]))
        place = anchor.end
    return "".join((*parts, text[place:])) if parts else text


def may_have_marks(text: str) -> bool:
    """Whether the text holds what every spelling of a mark holds. Fast; if False, it has none."""
    return _LEAD in text or any(hint in text for hint in _ESCAPED_HINTS)


def has_marks(text: str) -> bool:
    """Whether there is any mark in the text, whole or not."""
    return _patterns(text) is not None


def anchors(text: str) -> list[Anchor]:
    """The marks in a text, in order, with the signatures checked."""
    patterns = _patterns(text)
    return [_anchor(found) for found in patterns.mark.finditer(text)] if patterns else []


def few_words(text: str) -> bool:
    """Whether a text has no more words than go without a tick."""
    return len(text.split(maxsplit=WORDS_PER_TICK)) <= WORDS_PER_TICK


def _patterns(text: str) -> _Patterns | None:
    """The patterns that find every mark in the text, or None where there is none."""
    if any(hint in text for hint in _ESCAPED_HINTS) and _ANY.lead.search(text):
        return _ANY
    return _BARE if _LEAD in text else None


def _anchor(found: re.Match[str]) -> Anchor:
    kind = _KINDS[found.lastgroup or ""]
    start, end = found.span()
    if found[0][0] == "\\":
        # JSON has doubled each backslash of the text as often as it has those of the mark. So of
        # all that stand here together, the largest power of two that divides their number are
        # the mark's.
        count = found[0].lower().index("u")
        start += count - (count & -count)
    if kind is Kind.TICK or kind is Kind.LITERAL:
        return Anchor(kind, start, end)
    name = (found["opened"] or found["closed"]).lower()
    return Anchor(kind, start, end, name if _is_genuine(name) else "")


_KINDS = {kind.value: kind for kind in Kind}


def _is_marked(text: str) -> bool:
    """Whether a text was marked before: with a genuine mark, or as a piece of such a text.

    A text that has the character for other reasons has it on its own, or far from each other.
    """
    found = anchors(text)
    if any(anchor.id for anchor in found):
        return True
    ticks = [anchor for anchor in found if anchor.kind is not Kind.LITERAL]
    if not all(_is_after_word(text, tick) for tick in ticks if _is_bare(text, tick)):
        return False
    return any(_is_after_word(text, tick) for tick in ticks) and _is_dense(text, found)


def _is_bare(text: str, anchor: Anchor) -> bool:
    return bool(_ANY.lead.fullmatch(text, anchor.start, anchor.end))


def _is_after_word(text: str, anchor: Anchor) -> bool:
    """Whether a mark ends a word, as ticks do, or is one that begins or ends a text."""
    before = text[max(anchor.start - 1, 0) : anchor.start]
    return bool(before.strip()) or anchor.kind in (Kind.OPEN, Kind.CLOSE)


def _is_dense(text: str, found: Sequence[Anchor]) -> bool:
    starts = [*(anchor.start for anchor in found), len(text)]
    ends = [0, *(anchor.end for anchor in found)]
    return all(few_words(text[end:start]) for end, start in zip(ends, starts, strict=True))


def _without_equals(literal: str) -> str:
    return literal[:-1] if literal.endswith("=") else literal[: literal.rindex("%")]


def _ticked(text: str) -> str:
    if has_marks(text):
        text = _ANY.lead.sub(r"\1=", text)
    text = _PLACES.long_word.sub(_ticked_word, text)
    text = _PLACES.words.sub(rf"\g<0>{_LEAD}", text)
    return _PLACES.first_word.sub(rf"\g<0>{_LEAD}", text)


def _ticked_word(found: re.Match[str]) -> str:
    """A long word with ticks in it, but none inside an escaped spelling of the character."""
    parts = _ANY.lead.split(found[0])
    return "".join(
        part if index % 2 else f"{_LEAD}:".join(_PLACES.part.findall(part))
        for index, part in enumerate(parts)
    )


def _new_id() -> str:
    random = b32encode(secrets.token_bytes(5)).decode().lower()[:_RANDOM_LENGTH]
    return random + _signature(random)


def _signature(random: str) -> str:
    digest = hmac.digest(_KEY, random.encode(), "sha256")
    return b32encode(digest).decode().lower()[:_SIGNATURE_LENGTH]


def _is_genuine(name: str) -> bool:
    random, signature = name[:_RANDOM_LENGTH], name[_RANDOM_LENGTH:]
    return hmac.compare_digest(_signature(random).encode(), signature.encode())
