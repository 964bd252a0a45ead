"""What a text says about the arguments of a call.

Each finding is used once, so that two numbers in a text go to two properties, in order. A text
is read up to its first `LONGEST` characters, which keeps the reading quick whatever it holds.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeVar

from grayswan_devserver.rules.names import proper_names
from grayswan_devserver.rules.text import name_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["LONGEST", "Evidence", "Number", "Span"]

LONGEST: Final = 4000

_T = TypeVar("_T")
Number = int | float
Span = tuple[int, int]

_NUMBER_WORDS = (
    *("zero", "one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)
_NUMBER = re.compile(
    r"(?<![\w.])(?:(?<![\d)] )-(?=[\d.]))?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][+-]?\d+)?"
    r"(?![\w]|\.\d)|\b(?:" + "|".join(_NUMBER_WORDS) + r")\b(?![-'\u2019])",
)
_QUOTED = re.compile(
    r"\"([^\"\n]+)\"|“([^”\n]+)”|\u2018([^\u2019\n]+)\u2019|「([^」\n]+)」|『([^』\n]+)』|«([^»\n]+)»|`([^`\n]+)`"
    r"|(?<!\w)'([^'\n]+)'(?!\w)"
)
_IN_QUOTES = r"\"([^\"\n]*)\"|'([^'\n]*)'"
_VALUE_END = r"\s*(?:[,;\n)\]}]|[.!?](?:\s|$)|$|\s(?:and\s+)?\w+\s*[=:])"
_LABELLED = rf"[\"'`*]*\s*[=:]\s*(?:{_IN_QUOTES}|([^,;\n)\]}}]+?)(?={_VALUE_END}))"
_SPOKEN = (
    r"\s+(?:is|are|was|of|to|as|named|called|should be|will be)\s+(?:(?:set to|exactly)\s+)?"
    rf"(?:{_IN_QUOTES}|((?:[^,;.!?\n]|\.(?=\S))+?)(?=\s+(?:and|with)\s|[,;!?\n]|\.(?:\s|$)|$))"
)
_NEGATION = "no|not|without|never|don't|disable|disabled|skip|exclude"
_LONGEST_NUMBER = 20
_NEAR = 20
_SHORT_LABEL = 3
_PAIR = re.compile(
    r"[\"']?([A-Za-z_]\w*)[\"']?\s*[=:]\s*(?:\"([^\"\n]*)\"|'([^'\n]*)'|([^,;\n}]+))"
)


@dataclass
class Evidence:
    """A text, and which parts of it are used up.

    `fallback` is what a string gets that nothing in the text speaks of.
    """

    text: str
    fallback: str = ""
    used: list[Span] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.text = self.text[:LONGEST]

    def labelled(self, name: str) -> str | None:
        """The value after the property's name: `name=value`, `name: value`, `name is value`."""
        words = name_words(name)
        spoken = r"[\s_-]*".join(map(re.escape, words)) or re.escape(name)
        label = rf"(?<![\w])(?:{re.escape(name)}|{spoken})(?!\w)"
        patterns = [_LABELLED]
        if len(name) >= _SHORT_LABEL:
            patterns.append(_SPOKEN)
        for pattern in patterns:
            found = re.search(label + pattern, self.text, re.IGNORECASE)
            if found is not None:
                self.used.append(found.span())
                return next(group for group in found.groups() if group is not None).strip()
        return None

    def mentions(self, name: str) -> bool | None:
        """Whether the property's name comes up: false if negated, `None` if it does not."""
        spoken = r"[\s_-]*".join(map(re.escape, name_words(name)))
        if not spoken:
            return None
        found = re.search(
            rf"(?:\b({_NEGATION})\s+(?:\w+\s+){{0,2}}?)?\b{spoken}\b",
            self.text,
            re.IGNORECASE,
        )
        return None if found is None else found.group(1) is None

    def number(self, *, whole: bool) -> Number | None:
        """The next unused number, a whole one if asked for."""
        return next(self._take_numbers(whole=whole), None)

    def numbers(self, *, whole: bool) -> list[Number]:
        """All unused numbers."""
        return list(self._take_numbers(whole=whole))

    def quoted(self) -> str | None:
        """The next unused text in quotation marks."""
        return next(self._take(self._quotations), None)

    def all_quoted(self) -> list[str]:
        """All unused texts in quotation marks."""
        return list(self._take(self._quotations))

    def name(self, *, avoid: str = "") -> str | None:
        """The next unused proper name, not one after a word that `avoid` matches."""
        for span, name in self._names:
            before = self.text[: span[0]].rstrip()
            if self._is_free(span) and not (
                avoid and re.search(rf"(?:{avoid})$", before, re.IGNORECASE)
            ):
                self.used.append(span)
                return name
        return None

    def names(self) -> list[str]:
        """All unused proper names."""
        return list(self._take(self._names))

    def match(self, pattern: re.Pattern[str]) -> str | None:
        """The next unused part of the text that a pattern finds; its group 1 if it has one."""
        for found in pattern.finditer(self.text):
            group = 1 if pattern.groups else 0
            if found.group(group) and self._is_free(found.span(group)):
                self.used.append(found.span(group))
                return found.group(group).strip()
        return None

    def mentioned(self, values: Iterable[str]) -> Iterator[str]:
        """Those of the values that the text mentions, in the text's order, longest first."""
        found = []
        for value in values:
            pattern = re.escape(value).replace("_", r"[\s_-]").replace(r"\ ", r"[\s_-]")
            match = re.search(rf"(?<!\w){pattern}(?!\w)", self.text, re.IGNORECASE)
            if value and match:
                found.append((match.start(), -len(value), value))
        return (value for _, _, value in sorted(found))

    def pairs(self) -> dict[str, str]:
        """Every `name: value` of the text."""
        return {
            found.group(1): next(part for part in found.groups()[1:] if part is not None).strip()
            for found in _PAIR.finditer(self.text)
        }

    def _take(self, candidates: Iterable[tuple[Span, _T]]) -> Iterator[_T]:
        """Those of the candidates that are not used yet; each is, once it is taken."""
        for span, value in candidates:
            if self._is_free(span):
                self.used.append(span)
                yield value

    def _take_numbers(self, *, whole: bool) -> Iterator[Number]:
        numbers = (item for item in self._numbers if not whole or item[1] == int(item[1]))
        return (int(number) if whole else number for number in self._take(numbers))

    @cached_property
    def _quotations(self) -> list[tuple[Span, str]]:
        return [
            (found.span(), next(group for group in found.groups() if group is not None))
            for found in _QUOTED.finditer(self.text)
        ]

    @cached_property
    def _numbers(self) -> list[tuple[Span, Number]]:
        found = (match for match in _NUMBER.finditer(self.text) if len(match[0]) <= _LONGEST_NUMBER)
        numbers = [(match.span(), _number(match[0])) for match in found]
        return [(span, number) for span, number in numbers if math.isfinite(number)]

    @cached_property
    def _names(self) -> list[tuple[Span, str]]:
        return list(proper_names(self.text))

    def _is_free(self, span: Span) -> bool:
        return all(span[1] <= start or end <= span[0] for start, end in self.used)


def _number(text: str) -> Number:
    if text in _NUMBER_WORDS:
        return _NUMBER_WORDS.index(text)
    plain = text.replace(",", "")
    return int(plain) if re.fullmatch(r"-?\d+", plain) else float(plain)
