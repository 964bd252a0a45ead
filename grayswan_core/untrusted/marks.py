"""Marks that say a text is untrusted: put around it, looked for, and taken off. Sans-I/O.

How they are spelt: `spelling`. What they say of a text that a template was filled with: `spans`.
"""

from __future__ import annotations

from grayswan_core.untrusted.ids import id_of
from grayswan_core.untrusted.spans import unmarked
from grayswan_core.untrusted.spelling import (
    LEAD,
    Anchor,
    Kind,
    anchors,
    may_have_marks,
    with_literals,
    without,
)
from grayswan_core.untrusted.ticks import ticked

__all__ = ["has_marks", "mark_untrusted", "may_have_marks", "without_marks"]


def mark_untrusted(text: str, *, ticks: bool = True) -> str:
    """The text with marks that say it is untrusted, wherever it goes from here.

    Equal texts get equal marks. Marking twice is marking once, also where the first marking has
    lost its ends to a cut. Text without a word comes back as it is.

    Args:
        text: The text.
        ticks: Whether marks are also put inside, so that pieces cut out of the text are known.
            Without them a mark costs the same for a text of any length, and where a text that
            is marked so is cut after all, everything as far as the message's end is untrusted.

    Raises:
        ConfigurationError: the key in the environment is too short (`ids.KEY_VARIABLE`).
    """
    text = unmarked(text)
    if not text.strip():
        return text
    name = id_of(text)
    text = with_literals(text)
    if ticks:
        return f"{LEAD}untrusted:{name}{LEAD} {ticked(text)} {LEAD}end:{name}{LEAD}"
    return f"{LEAD}data:{name}{LEAD} {text} {LEAD}enddata:{name}{LEAD}"


def without_marks(text: str) -> str:
    """The text without any mark; a character that somebody typed alone stays."""
    found = _marks(text)
    return without(text, found, 0, len(text)) if found else text


def has_marks(text: str) -> bool:
    """Whether there is any mark in the text, whole or not."""
    return bool(_marks(text))


def _marks(text: str) -> list[Anchor]:
    return [anchor for anchor in anchors(text) if anchor.kind is not Kind.CHARACTER]
