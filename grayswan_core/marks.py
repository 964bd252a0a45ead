r"""The marks that untrusted text carries through templates: how they are spelt. Pure.

A marked text looks like this, so that who reads a log or a trace sees what it is:

    ☴untrusted:k3x9f2a7b1☴ Ohio is sunny today, with a light☴ wind. ☴end:k3x9f2a7b1☴

There are three marks, and all begin with one character that ordinary text does not have:

* `☴untrusted:ID☴` opens and `☴end:ID☴` closes. The ID is made anew each time, after the text it
  is for, and signed with a key of this process: who wrote the text cannot know it.
* `☴` alone is a tick, after every seventh word of a line; `☴:` is one at the start of a line. So
  a piece cut out of the text anywhere still says what it is, and where its lines end.
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
from dataclasses import dataclass
from enum import Enum

__all__ = ["WORDS_PER_TICK", "Anchor", "Kind", "anchors", "has_marks", "mark", "plain"]

WORDS_PER_TICK = 7
"""Any more words of a marked text than this, cut out anywhere, have a mark among them."""

_CHARACTERS_PER_TICK = 48
_LEAD = "\N{TRIGRAM FOR WIND}"
_LEADS_ESCAPED = r"\\+u2634|&\#9780;|&\#x2634;|%E2%98%B4"

_RANDOM_LENGTH = 5
_SIGNATURE_LENGTH = 5
_KEY = os.urandom(32)

_PATTERN = r"""
    LEAD(?:
        (?P<close> end:(?P<closed>ID)LEAD )
      | (?P<open> untrusted:(?P<opened>ID)LEAD [ ]? )
      | (?P<literal> = )
      # A tick, or what is left of another mark when a cut went through it.
      | (?P<tick> : | (?:untrusted|end):[a-z2-7]*(?:LEAD)? | CUT(?=\s|$) | )
    )
"""
_CUT = "(?:u(?:n(?:t(?:r(?:u(?:s(?:t(?:ed?)?)?)?)?)?)?)?|e(?:nd?)?)"


class _Patterns:
    """The patterns of the marks, for one set of ways to write the first character."""

    def __init__(self, lead: str) -> None:
        signed = f"[a-z2-7]{{{_RANDOM_LENGTH + _SIGNATURE_LENGTH}}}"
        verbose = _PATTERN.replace("LEAD", f"(?:{lead})").replace("CUT", _CUT)
        self.mark = re.compile(verbose.replace("ID", signed), re.IGNORECASE | re.VERBOSE)
        self.closing_space = re.compile(rf"[ ](?=(?:{lead})end:{signed})", re.IGNORECASE)
        self.lead = re.compile(lead, re.IGNORECASE)


# Looking for the bare character alone is many times faster, and nearly always enough.
_BARE = _Patterns(_LEAD)
_ANY = _Patterns(f"{_LEAD}|{_LEADS_ESCAPED}")
_ESCAPED_HINTS = ("2634", "9780;", "%98%")

# Words of one line, as many as go without a tick; and a word too long to be left whole. A tick
# inside a word must not seem to begin another mark, so none comes before "=", ":", "u" or "e".
_WORDS = re.compile(rf"(?:\S+[^\S\n]+){{{WORDS_PER_TICK - 1}}}\S+(?=[^\S\n]+\S)")
_LONG_WORD = re.compile(rf"\S{{{_CHARACTERS_PER_TICK // 2},{_CHARACTERS_PER_TICK}}}(?=[^\s=:ueUE])")
_TOO_LONG = re.compile(rf"\S{{{_CHARACTERS_PER_TICK + 1}}}")
_NEXT_LINE = re.compile(r"\n(?=[^\S\n]*\S)")


class Kind(Enum):
    """What a mark says."""

    OPEN = "open"
    CLOSE = "close"
    TICK = "tick"
    LITERAL = "literal"


@dataclass(frozen=True, slots=True)
class Anchor:
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


def mark(text: str) -> str:
    """The text with marks that say it is untrusted, wherever it goes from here.

    Marking twice is marking once. Text without a word comes back as it is.
    """
    if any(anchor.id for anchor in anchors(text)):
        text = plain(text)
    if not text.strip():
        return text
    escaped = _ANY.lead.sub(r"\g<0>=", text) if has_marks(text) else text
    ticked = _NEXT_LINE.sub(f"\n{_LEAD}:", _WORDS.sub(rf"\g<0>{_LEAD}", escaped))
    if _TOO_LONG.search(ticked):
        ticked = _LONG_WORD.sub(rf"\g<0>{_LEAD}", ticked)
    name = _new_id()
    return f"{_LEAD}untrusted:{name}{_LEAD} {ticked} {_LEAD}end:{name}{_LEAD}"


def plain(text: str) -> str:
    """The text without any mark, as it was before it was marked."""
    patterns = _patterns(text)
    if patterns is None:
        return text
    return patterns.mark.sub(_kept, patterns.closing_space.sub("", text))


def has_marks(text: str) -> bool:
    """Whether there is any mark in the text, whole or not."""
    return _patterns(text) is not None


def anchors(text: str) -> list[Anchor]:
    """The marks in a text, in order, with the signatures checked."""
    patterns = _patterns(text)
    return [_anchor(found) for found in patterns.mark.finditer(text)] if patterns else []


def _patterns(text: str) -> _Patterns | None:
    """The patterns that find every mark in the text, or None where there is none."""
    if any(hint in text for hint in _ESCAPED_HINTS) and _ANY.lead.search(text):
        return _ANY
    return _BARE if _LEAD in text else None


def _anchor(found: re.Match[str]) -> Anchor:
    kind = _KINDS.get(found.lastgroup or "", Kind.TICK)
    start, end = found.span()
    if kind is Kind.TICK or kind is Kind.LITERAL:
        return Anchor(kind, start, end)
    name = (found["opened"] or found["closed"]).lower()
    return Anchor(kind, start, end, name if _is_genuine(name) else "")


_KINDS = {kind.value: kind for kind in Kind}


def _kept(found: re.Match[str]) -> str:
    return found[0][:-1] if found.lastgroup == "literal" else ""


def _new_id() -> str:
    random = b32encode(secrets.token_bytes(5)).decode().lower()[:_RANDOM_LENGTH]
    return random + _signature(random)


def _signature(random: str) -> str:
    digest = hmac.digest(_KEY, random.encode(), "sha256")
    return b32encode(digest).decode().lower()[:_SIGNATURE_LENGTH]


def _is_genuine(name: str) -> bool:
    random, signature = name[:_RANDOM_LENGTH], name[_RANDOM_LENGTH:]
    return bool(name) and hmac.compare_digest(_signature(random), signature)
