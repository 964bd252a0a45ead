"""Where ticks go in a text that is marked at its source. Sans-I/O.

After every seventh word of a line, after its last and, from the second line on, after its first:
so a piece that is cut out of the text anywhere still says what it is, on each line where it
begins or ends. Words of more than 24 letters, and ideographs, which no space parts, have ticks
inside.
"""

from __future__ import annotations

import re
from functools import cache

from grayswan_core.untrusted.spelling import LEAD, leads

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
    text = _long_words(has_ideographs=not text.isascii()).sub(_ticked_word, text)
    body = text.rstrip()
    space = text[len(body) :]
    return LEAD.join(_stretches().findall(body)) + (LEAD + space if space else "")


# Compiled when first needed, as most of the time of this module's import would go there.
@cache
def _stretches() -> re.Pattern[str]:
    """What has a tick after it: the first word of a line with more, or up to seven words."""
    return re.compile(
        rf"\s*[{_LINE_ENDS}]{_SPACE}*\S+(?={_SPACE}+\S)"
        rf"|\s*\S+(?:{_SPACE}+\S+){{0,{WORDS_PER_TICK - 1}}}"
    )


@cache
def _long_words(*, has_ideographs: bool) -> re.Pattern[str]:
    long = rf"\S{{{_LETTERS_PER_TICK + 1},}}"
    return re.compile(rf"(?<!\S)(?:{long}|\S*?{_IDEOGRAPH}\S+)" if has_ideographs else long)


@cache
def _parts() -> re.Pattern[str]:
    """Parts of a long word; none ends inside a literal, or inside an escape of one."""
    literal = f"(?:{leads.lead.pattern})="
    return re.compile(
        rf"(?:{literal}|{_IDEOGRAPH}){{1,{_IDEOGRAPHS_PER_TICK}}}"
        rf"|(?:{literal}|(?!{_IDEOGRAPH}).){{1,{_LETTERS_PER_TICK}}}",
        re.DOTALL | re.IGNORECASE,
    )


def _ticked_word(found: re.Match[str]) -> str:
    return f"{LEAD}:".join(_parts().findall(found[0]))
