"""Words and sentences: what the rules compare."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = [
    "STOPWORDS",
    "content_words",
    "is_heading",
    "name_words",
    "sentences",
    "stem",
    "vocabulary",
    "words",
]


def vocabulary(text: str) -> frozenset[str]:
    """A set of words, written as a text."""
    return frozenset(text.split())


STOPWORDS = vocabulary(
    """
    a about all also am an and any are as at be been being but by can could d did do does
    doing don down each few for from further give had has have having he her here hers him
    his how i if in into is it its itself just ll m may me might mine more most much must
    my myself no nor not now of off on once one only or other our ours out over own please
    re s same shall she should so some such t tell than that the their theirs them then
    there these they this those through to too under until up us ve very want was we were
    what when where which while who whom why will with would you your yours
    """
)

_SUFFIXES = ("er", "ing", "ed", "es", "s", "e")
_MIN_STEM = 3

_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”\u2019)\]]*\s+|(?<=[。\uff01\uff1f])\s*")
_BULLET = re.compile(r"^\s*(?:[-*•+]|\d+[.)]|#{1,6}|>)\s+")
_WRAPPED_LINE = 50
_HEADING_WORDS = 8


def words(text: str) -> list[str]:
    """The words of a text in lower case, in order."""
    return [word.lower() for word in _WORD.findall(text)]


@lru_cache(maxsize=4096)
def stem(word: str) -> str:
    """A word without its ending: `adder`, `adding`, `added` and `adds` are all `add`."""
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _MIN_STEM:
            return word[: -len(suffix)]
    return word


def content_words(text: str) -> set[str]:
    """The stems of the words that carry meaning."""
    return {stem(word) for word in words(text) if word not in STOPWORDS}


def name_words(identifier: str) -> list[str]:
    """The words of an identifier: `get_weather` and `getWeather` are `get`, `weather`."""
    return words(_CAMEL.sub(" ", identifier).replace("_", " "))


def sentences(text: str) -> list[str]:
    """The sentences of a text; headings, bullets and table lines count as one each."""
    parts = (part.strip() for line in _unwrapped(text) for part in _SENTENCE_END.split(line))
    return [part for part in parts if part]


def is_heading(sentence: str) -> bool:
    """Whether it is a title rather than a statement: short, with no end and no figures."""
    return (
        len(sentence.split()) <= _HEADING_WORDS
        and sentence[-1] not in ".!?。\uff01\uff1f"
        and not re.search(r"[:\d]", sentence)
    )


def _unwrapped(text: str) -> list[str]:
    """The lines of a text, those joined that only a fixed width had parted."""
    lines: list[str] = []
    open_line = False
    for raw in text.splitlines():
        bullet = _BULLET.match(raw)
        line = _BULLET.sub("", raw).strip()
        if line and open_line and not bullet:
            lines[-1] = f"{lines[-1]} {line}"
        elif line:
            lines.append(line)
        open_line = (
            bool(line) and len(raw) >= _WRAPPED_LINE and line[-1] not in ".!?:。\uff01\uff1f"
        )
    return lines
