"""Lists in a text, and lists of the length a schema asks for."""

from __future__ import annotations

import re
from itertools import count, islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from grayswan_devserver.rules.evidence import Evidence
    from grayswan_devserver.rules.schemas import Schema

__all__ = ["clauses", "find_strings", "pad", "variants"]

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
    quoted = evidence.all_quoted()
    return quoted or (evidence.names() if must else [])


def clauses(text: str) -> list[str]:
    """The parts of a text that may each speak of one thing."""
    return [part for part in _CLAUSE.split(text) if part.strip()]


def pad(
    items: list[Any], schema: Schema, fillers: Iterable[Any], fits: Callable[[Any], bool]
) -> list[Any]:
    """The items without repeats if so asked, cut and filled up to the lengths of the schema.

    Args:
        items: what there is.
        schema: of the list.
        fillers: what to fill up with.
        fits: whether a value may be an item.
    """
    unique = bool(schema.get("uniqueItems"))
    kept: list[Any] = []
    for item in items:
        if not (unique and item in kept):
            kept.append(item)
    least = schema.get("minItems", 0)
    for filler in islice(fillers, _MOST_TRIES + least):
        if len(kept) >= least:
            break
        if fits(filler) and not (unique and filler in kept):
            kept.append(filler)
    return kept[: schema.get("maxItems", len(kept))]


def variants(value: Any) -> Iterator[Any]:
    """A value, and others of its kind that differ from it."""
    return (_variant(value, number) for number in count())


def _variant(value: Any, number: int) -> Any:
    varied = value
    if isinstance(value, bool):
        varied = value ^ bool(number % 2)
    elif isinstance(value, int | float):
        varied = value + (number + 1) // 2 * (1 if number % 2 else -1)
    elif isinstance(value, str) and number:
        # At its end, or in place of its end where it may not grow.
        cut = len(value) - len(str(number))
        varied = f"{value} {number}" if number % 2 else f"{value[: max(cut, 0)]}{number}"
    elif isinstance(value, list):
        varied = [_variant(item, number) for item in value]
    elif isinstance(value, dict):
        varied = {key: _variant(item, number) for key, item in value.items()}
    return varied
