"""Where ticks go in a text that is marked at its source. Sans-I/O.

After every seventh word of a line, after its last and, from the second line on, after its first:
so a piece that is cut out of the text anywhere still says what it is, on each line where it
begins or ends. Words of more than 24 letters, and ideographs, which no space parts, have ticks
inside.
"""

from __future__ import annotations

import re
from functools import cache

from grayswan_core.untrusted.spelling import LEAD, lead_pattern, may_have_marks

__all__ = ["WORDS_PER_TICK", "few_words", "ticked"]

WORDS_PER_TICK = 7
"""Any more words of a marked text than this, cut out anywhere, have a mark among them."""

_LETTERS_PER_TICK = 24
_IDEOGRAPHS_PER_TICK = 12

_LINE_ENDS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_SPACE = rf"[^\S{_LINE_ENDS}]"
_IDEOGRAPH = "[\u2e80-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]"


def few_words(text: str) -> bool:
    """Whether a text has no more words than go without a tick."""
    return len(text.split(maxsplit=WORDS_PER_TICK)) <= WORDS_PER_TICK


def ticked(text: str) -> str:
    """The text with ticks, but for one at its very end, where the closing mark will be.

    The text may hold no mark but literals.
    """
    body = text.rstrip()
    space = text[len(body) :]
    if may_have_marks(body) or _has_ideographs(body):
        body = _long_words().sub(_ticked_word, body)
        stretches = _stretches(bounded=False).findall(body)
    else:
        stretches = _stretches(bounded=True).findall(body)
        stretches[1:] = [each if each[0].isspace() else f":{each}" for each in stretches[1:]]
    return LEAD.join(stretches) + (LEAD + space if space else "")


def _has_ideographs(text: str) -> bool:
    return not text.isascii() and bool(_ideograph().search(text))


# Patterns are compiled when first needed, as most of the time of an import would go there.


@cache
def _ideograph() -> re.Pattern[str]:
    return re.compile(_IDEOGRAPH)


@cache
def _stretches(*, bounded: bool) -> re.Pattern[str]:
    """What has a tick after it: the first word of a line with more, or up to seven words.

    Args:
        bounded: Whether one ends inside a word of more letters than go without a tick.
    """
    word = rf"\S{{1,{_LETTERS_PER_TICK}}}" if bounded else r"\S+"
    return re.compile(
        rf"\s*[{_LINE_ENDS}]{_SPACE}*{word}(?={_SPACE}+\S)"
        rf"|\s*{word}(?:{_SPACE}+{word}){{0,{WORDS_PER_TICK - 1}}}"
    )


@cache
def _long_words() -> re.Pattern[str]:
    long = rf"\S{{{_LETTERS_PER_TICK + 1},}}"
    return re.compile(rf"(?<!\S)(?:{long}|\S*?{_IDEOGRAPH}\S+)")


@cache
def _parts(lead: str) -> re.Pattern[str]:
    """Parts of a long word; none ends inside a literal, or inside an escape of one."""
    literal = f"(?:{lead})="
    return re.compile(
        rf"(?:{literal}|{_IDEOGRAPH}){{1,{_IDEOGRAPHS_PER_TICK}}}"
        rf"|(?:{literal}|(?!{_IDEOGRAPH}).){{1,{_LETTERS_PER_TICK}}}",
        re.DOTALL | re.IGNORECASE,
    )


def _ticked_word(found: re.Match[str]) -> str:
    return f"{LEAD}:".join(_parts(lead_pattern(found[0])).findall(found[0]))
