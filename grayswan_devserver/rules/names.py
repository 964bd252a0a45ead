"""Proper names in a text: runs of capitalised words, and runs of CJK characters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grayswan_devserver.rules.text import vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PLACE", "proper_names"]

_CJK = "\u3005\u3007\u30fb\u30fc\u3040-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af·"
_CAPITALISED = r"[A-Z\u00c0-\u00de\u0391-\u03a9\u0410-\u042f][\w'\u2019&-]*"
_PARTICLE = r"(?:de|of|the|van|von|la|da|del|di|and the)"
_PHRASE = rf"{_CAPITALISED}(?:\.?[ \t]+(?:{_PARTICLE}[ \t]+)?{_CAPITALISED})*"
_REGION = rf"(?:,[ \t]*(?:[A-Z]{{2}}\b|{_CAPITALISED}(?![\w'\u2019&-])(?!\s*,|\s+(?:and|or)\b)))?"

PLACE = rf"{_PHRASE}{_REGION}"
"""A pattern for a place: `Paris`, `San Francisco, CA`, `Rio de Janeiro, Brazil`."""

_NAME = re.compile(rf"{PLACE}|[{_CJK}]+")
_POLITE = frozenset(
    [
        "請問",
        "请问",
        "你好",
        "您好",
        "謝謝",
        "谢谢",
        "請",
        "请",
        "さん",
        "こんにちは",
        "ください",
        "お願いします",
    ]
)

# Words that are capitalised because a sentence or a command begins with them.
_NO_NAMES = vocabulary(
    """
    a about add after all also an and any are as ask at be before book build but buy by
    calculate call can change check choose compare compute contact convert could count
    create define delete describe did divide do does draft draw each email every execute
    explain extract fetch fill find first for form from generate get give given greet had
    has have hello help her here hey hi his how i i'd i'll i'm i've if in insert into
    introduce invite invoke is it it's its json just let let's list look lookup mail make
    may me meet message multiply my name new next no not now of ok okay on one open or
    order our pay phone pick play please plot post produce provide put query read record
    remember remind remove rename respond return run save say schedule search see send set
    she should show sort start stop store subtract such sum summarise summarize take tell
    text thank thanks that the their then there these they this those to today tomorrow
    tool translate try turn update use using visit was we weather welcome were what what's
    when where which while who who's why will with would write yes yesterday you your
    """
)


def proper_names(text: str) -> Iterator[tuple[tuple[int, int], str]]:
    """The proper names of a text, each with where it stands."""
    for found in _NAME.finditer(text):
        name, start = found.group(), found.start()
        while name and name.split()[0].lower().strip(",.'\u2019") in _NO_NAMES:
            first = name.split()[0]
            rest = name[len(first) :]
            start += len(first) + len(rest) - len(rest.lstrip(" \t,"))
            name = rest.lstrip(" \t,")
        if name and name not in _POLITE:
            yield (start, start + len(name)), name
