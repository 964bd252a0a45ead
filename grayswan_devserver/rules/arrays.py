"""Lists in a text, and lists of the length a schema asks for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from grayswan_devserver.rules.evidence import Evidence
    from grayswan_devserver.rules.schemas import Schema

__all__ = ["clauses", "find_strings", "pad"]

_SEPARATOR = re.compile(r"\s*,\s*(?:and\s+|or\s+)?|\s+and\s+|\s+or\s+|\s*[;、\uff0c]\s*")
_CLAUSE = re.compile(r"[;\n]+|(?<=[.!?])\s+|,?\s+and\s+|,\s+")
_MOST_TRIES = 64


def find_strings(name: str, evidence: Evidence, *, must: bool) -> list[str]:
    """The strings a text gives for a list: after its name, in quotation marks, or as names."""
    listed = re.search(
        rf"\b{re.escape(name)}\b[\"']?\s*[:=]\s*([^\n.;]+)", evidence.text, re.IGNORECASE
    )
    if listed:
        evidence.used.append(listed.span())
        parts = _SEPARATOR.split(listed.group(1).strip(" []"))
        return [part.strip(" \"'") for part in parts if part.strip(" \"'")]
    quoted = list(iter(evidence.quoted, None))
    return quoted or (evidence.names() if must else [])


def clauses(text: str) -> list[str]:
    """The parts of a text that may each speak of one thing."""
    return [part for part in _CLAUSE.split(text) if part.strip()]


def pad(items: list[Any], schema: Schema, least: Any, fits: Callable[[Any], bool]) -> list[Any]:
    """The items without repeats if so asked, cut and filled up to the lengths of the schema.

    Args:
        items: what there is.
        schema: of the list.
        least: what to fill up with, varied where items must differ.
        fits: whether a value may be an item.
    """
    unique = bool(schema.get("uniqueItems"))
    kept: list[Any] = []
    for item in items:
        if not (unique and item in kept):
            kept.append(item)
    tries = 0
    while len(kept) < schema.get("minItems", 0) and tries < _MOST_TRIES + schema["minItems"]:
        candidate = _variant(least, tries) if unique else least
        if fits(candidate) and not (unique and candidate in kept):
            kept.append(candidate)
        tries += 1
    return kept[: schema.get("maxItems", len(kept))]


def _variant(value: Any, number: int) -> Any:
    if number == 0:
        return value
    if isinstance(value, bool):
        return value ^ bool(number % 2)
    if isinstance(value, int | float):
        return value + (number + 1) // 2 * (1 if number % 2 else -1)
    if isinstance(value, str):
        cut = len(value) - len(str(number))
        return f"{value} {number}" if number % 2 else f"{value[:cut]}{number}"
    if isinstance(value, list):
        return [_variant(item, number) for item in value]
    if isinstance(value, dict):
        return {key: _variant(item, number) for key, item in value.items()}
    return value
