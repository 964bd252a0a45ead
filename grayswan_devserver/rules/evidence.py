"""What a text says about the arguments of a call.

Each finding is used once, so that two numbers in a text go to two properties, in order. A text
is read up to its first `LONGEST` characters, which keeps the reading quick whatever it holds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from grayswan_devserver.rules.text import STOPWORDS, name_words

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LONGEST", "NUMBER", "PLACE", "Evidence"]

LONGEST: Final = 4000

_CAPITALISED = r"[A-Z\u00c0-\u00de\u0391-\u03a9\u0410-\u042f][\w'\u2019&-]*"
_PHRASE = rf"{_CAPITALISED}(?:[ \t]+(?:(?:de|of|the|van|von|la)[ \t]+)*{_CAPITALISED})*"
PLACE: Final = rf"{_PHRASE}(?:,[ \t]*[A-Z]{{2}}\b)?"
"""A pattern for a name or a place: `Ada Lovelace`, `San Francisco, CA`, `Rio de Janeiro`."""

NUMBER: Final = re.compile(
    r"(?<![\w.])(?:(?<![\d)] )-)?(?:\d{1,3}(?:,\d{3})+|\d{1,18})(?:\.\d{1,18})?(?![\w]|\.\d)"
)
_QUOTED = re.compile(
    r"\"([^\"\n]+)\"|“([^”\n]+)”|\u2018([^\u2019\n]+)\u2019|「([^」\n]+)」|«([^»\n]+)»|`([^`\n]+)`"
    r"|(?<!\w)'([^'\n]+)'(?!\w)"
)
# What begins a sentence is capitalised anyway: there it is a name before a verb, or alone.
_NAME = re.compile(
    rf"(?<![\w.!?\n])(?<![.!?:\n]\s)(?<!^)({PLACE})"
    rf"|(?<!\w)({PLACE})(?=\s+(?:is|has|was)\b)|(?<!\w)({_CAPITALISED})(?=[.!?]*\s*$)",
    re.MULTILINE,
)
_VALUE = (
    r"(?:\"([^\"\n]*)\"|'([^'\n]*)'|([^,;\n)\]}]+?)"
    r"(?=[,;\n)\]}]|[.!?](?:\s|$)|$|\s+(?:and\s+)?(?:the\s+)?\w+\s*(?:[=:]|\b(?:is|are)\b)))"
)
_SPOKEN = r"|\s(?:is|are|was|of|named|called)\s"
_SHORT_LABEL = 2
_NEGATION = "no|not|without|never|don't|disable|skip"


class Evidence:
    """A text, and which parts of it are used up.

    Args:
        text: what is looked through.
        fallback: what a string gets that nothing in the text speaks of.
    """

    def __init__(self, text: str, fallback: str = "") -> None:
        self.text = text[:LONGEST]
        self.fallback = fallback
        self.used: list[tuple[int, int]] = []

    def take(self, pattern: re.Pattern[str]) -> str | None:
        """The next unused part that a pattern finds: its first group if it has any."""
        for found in pattern.finditer(self.text):
            start, end = found.span()
            if all(end <= begun or ended <= start for begun, ended in self.used):
                self.used.append((start, end))
                value: str = found[found.lastindex or 0]
                return value.strip()
        return None

    def labelled(self, name: str) -> str | None:
        """The value after a property's name: `name=value`, `name: value`, `name is value`."""
        spoken = _SPOKEN if len(name) > _SHORT_LABEL else ""
        label = rf"(?<!\w){_spelt(name)}(?:[\"'`*]*\s*[=:]{spoken})\s*"
        return self.take(re.compile(label + _VALUE, re.IGNORECASE))

    def listed(self, name: str) -> list[str]:
        """The values after a property's name, up to the end of the sentence."""
        label = rf"(?<!\w){_spelt(name)}[\"'`*]*\s*[=:]\s*([^\n.;]+)"
        found = self.take(re.compile(label, re.IGNORECASE)) or ""
        parts = re.split(r",\s*(?:and\s+)?|\s+and\s+", found.strip("[]"))
        return [part.strip(" \"'") for part in parts if part.strip(" \"'")]

    def mentions(self, name: str) -> bool | None:
        """Whether a property's name comes up: false if negated, `None` if it does not."""
        pattern = rf"(?:\b({_NEGATION})\s+(?:\w+\s+){{0,2}}?)?(?<!\w){_spelt(name)}(?!\w)"
        found = re.search(pattern, self.text, re.IGNORECASE)
        return None if found is None else found[1] is None

    def mentioned(self, values: Iterable[str]) -> str | None:
        """The first unused one of the values that the text mentions."""
        longest_first = sorted(filter(None, values), key=len, reverse=True)
        spelt = "|".join(map(_spelt, longest_first)) or "(?!)"
        found = self.take(re.compile(rf"(?<!\w)(?:{spelt})(?!\w)", re.IGNORECASE)) or ""
        fits = (v for v in longest_first if re.fullmatch(_spelt(v), found, re.IGNORECASE))
        return next(fits, None)

    def quoted(self) -> str | None:
        """The next unused text in quotation marks."""
        return self.take(_QUOTED)

    def name(self) -> str | None:
        """The next unused name of a person, a place or a thing."""
        while (found := self.take(_NAME)) is not None:
            if found.split()[0].lower() not in STOPWORDS:
                return found
        return None


def _spelt(name: str) -> str:
    """A pattern for a name: of an identifier, its words, too."""
    words = name_words(name) if re.fullmatch(r"[\w ]+", name) else []
    return r"[\s_-]*".join(map(re.escape, words)) or re.escape(name)
