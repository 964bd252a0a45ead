"""Strings for arguments: what in a text is of the kind a property's name and format suggest."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Final

from grayswan_devserver.rules.arithmetic import expression
from grayswan_devserver.rules.names import PLACE
from grayswan_devserver.rules.text import name_words, vocabulary

if TYPE_CHECKING:
    from grayswan_devserver.rules.evidence import Evidence
    from grayswan_devserver.rules.schemas import Schema

__all__ = ["find_string", "fit_string"]

_PLACES: Final = vocabulary(
    """
    location city place country state town region address destination origin area venue
    airport where
    """
)
_PERSONS: Final = vocabulary(
    """
    name person user customer author recipient contact employee artist company title who
    """
)
_TEXTS: Final = vocabulary(
    """
    query question input text prompt message content request topic search instruction task
    sentence keyword keywords subject q
    """
)
_SUMS: Final = frozenset(["expression", "expr", "formula", "equation", "calculation"])

_ISO_DATE = r"\b\d{4}-\d{2}-\d{2}\b"
_FORMATS: Final = {
    "date-time": (r"\b\d{4}-\d{2}-\d{2}T[\d:.]+(?:Z|[+-]\d{2}:\d{2})\b", "2024-01-01T00:00:00Z"),
    "date": (_ISO_DATE, "2024-01-01"),
    "time": (r"\b\d{2}:\d{2}:\d{2}(?:Z|[+-]\d{2}:\d{2})\b", "12:00:00Z"),
    "email": (r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", "user@example.com"),
    "uri": (r"\bhttps?://[^\s<>\"']+[^\s<>\"'.,;:!?)]", "https://example.com/"),
    "uuid": (
        r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b",
        "00000000-0000-4000-8000-000000000000",
    ),
    "ipv4": (r"\b(?:\d{1,3}\.){3}\d{1,3}\b", "127.0.0.1"),
    "ipv6": (r"(?<![\w:])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:])", "::1"),
    "hostname": (r"\b(?:[a-z0-9-]+\.)+[a-z]{2,}\b", "example.com"),
    "duration": (r"\bP(?:\d+[YMWD])*(?:T(?:\d+[HMS])+)?\b", "P1D"),
}
_HINTED_FORMATS: Final = {
    "email": "email",
    "url": "uri",
    "uri": "uri",
    "link": "uri",
    "date": "date",
}
_SPOKEN_DATE = re.compile(
    r"\b(?:[A-Z][a-z]+ \d{1,2}(?:st|nd|rd|th)?,? \d{4}|\d{1,2}(?:st|nd|rd|th)? [A-Z][a-z]+ \d{4})\b"
)
_MONTHS: Final = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)
_AVOID: Final = "in|at|from|near"


def find_string(name: str, schema: Schema, evidence: Evidence, *, must: bool) -> str | None:
    """What the text says of a string property, or `None`.

    Args:
        name: the property's name, which hints at its kind.
        schema: its schema, with its `format`.
        evidence: the text.
        must: whether anything that may be meant will do.
    """
    labelled = evidence.labelled(name)
    if labelled is not None:
        return labelled
    kind = set(name_words(name))
    form = schema.get("format") or next(
        (_HINTED_FORMATS[word] for word in name_words(name) if word in _HINTED_FORMATS), ""
    )
    if form in _FORMATS:
        found = _formatted(form, evidence)
        if found is not None or "format" in schema:
            return found
    return _of_kind(kind, evidence) or _loose(name, kind, evidence, must=must)


def fit_string(text: str, schema: Schema) -> str:
    """A string that keeps to the format and the lengths of its schema."""
    form = schema.get("format")
    if form in _FORMATS and not re.fullmatch(_FORMATS[form][0], text):
        text = _FORMATS[form][1]
    pattern = schema.get("pattern")
    if pattern and not re.search(pattern, text):
        words = (word.strip(".,;:!?\"'()") for word in text.split())
        text = next((word for word in words if re.search(pattern, word)), text)
    least = schema.get("minLength", 0)
    if len(text) < least:
        text = (text or "-").ljust(least, "-")
    return text[: schema.get("maxLength", len(text))]


def _formatted(form: str, evidence: Evidence) -> str | None:
    found = evidence.match(re.compile(_FORMATS[form][0]))
    if found is None and form == "date":
        spoken = evidence.match(_SPOKEN_DATE)
        return None if spoken is None else _iso_date(spoken)
    return found


def _iso_date(spoken: str) -> str | None:
    day, year = sorted(re.findall(r"\d+", spoken), key=len)
    for month, name in enumerate(_MONTHS, start=1):
        if re.search(rf"\b{name}", spoken):
            with suppress(ValueError):
                return date(int(year), month, int(day)).isoformat()
    return None


def _of_kind(kind: set[str], evidence: Evidence) -> str | None:
    """What the name of the property calls for."""
    if kind & _SUMS:
        return expression(evidence.text)
    quoted = evidence.quoted()
    if quoted is not None:
        return quoted
    if kind & _PLACES:
        return evidence.match(_place_pattern(kind))
    if kind & _PERSONS:
        return evidence.match(_NAMED) or evidence.name(avoid=_AVOID)
    return None


def _loose(name: str, kind: set[str], evidence: Evidence, *, must: bool) -> str | None:
    """What may be meant, where nothing calls for it by kind."""
    if kind & _TEXTS:
        searched = evidence.match(_SEARCHED) if "query" in kind or "search" in kind else None
        about = evidence.match(_ABOUT) if kind & {"topic", "subject"} else None
        return searched or about or (evidence.fallback or None if must else None)
    if must:
        return evidence.name()
    return evidence.fallback or None if evidence.mentions(name) else None


_NAMED = re.compile(rf"\b(?:named|called|name is|greet|for|I am|I'm|this is)\s+({PLACE})")
_SEARCHED = re.compile(
    r"\b(?:search(?: the web)? for|look up|google)\s+(.+?)\s*[.?!]*$", re.IGNORECASE | re.MULTILINE
)
_ABOUT = re.compile(r"\b(?:about|on)\s+(.+?)\s*[.?!]*$", re.IGNORECASE | re.MULTILINE)


def _place_pattern(kind: set[str]) -> re.Pattern[str]:
    prepositions = "in|at|for|near|to|of|from"
    if kind & {"origin", "from", "departure", "source"}:
        prepositions = "from"
    elif kind & {"destination", "target"}:
        prepositions = "to|for"
    lower = r"(?:the\s+)?[a-z]+(?:\s+[a-z]+)?(?=\s*(?:[?.!,;]|$|\btoday\b|\btomorrow\b|\bnow\b))"
    return re.compile(rf"\b(?:{prepositions})\s+((?:the\s+)?{PLACE}|{lower})")
