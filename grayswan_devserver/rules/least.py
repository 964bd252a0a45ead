"""The least values that a schema allows, where nothing was said."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grayswan_devserver.rules.schemas import Schema

__all__ = ["FORMATS", "fitted", "numbers", "variant"]

_DATE: Final = r"\b\d{4}-\d{2}-\d{2}"
_TIME: Final = r"\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})\b"
_URI: Final = (re.compile(r"\bhttps?://[^\s<>\"']+[^\s<>\"'.,;:!?)]"), "https://example.com/")
_HEX: Final = "[0-9a-fA-F]"

FORMATS: Final = {
    "date-time": (re.compile(rf"{_DATE}T{_TIME}"), "2024-01-01T00:00:00Z"),
    "date": (re.compile(rf"{_DATE}\b"), "2024-01-01"),
    "time": (re.compile(rf"\b{_TIME}"), "12:00:00Z"),
    "email": (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "user@example.com"),
    "uri": _URI,
    "url": _URI,
    "uuid": (
        re.compile(rf"\b{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}\b"),
        "00000000-0000-4000-8000-000000000000",
    ),
    "ipv4": (re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b"), "127.0.0.1"),
    "duration": (re.compile(r"\bP(?:\d+[YMWD])*(?:T(?:\d+[HMS])+)?\b"), "P1D"),
}
"""For each format of JSON Schema how a text may hold it, and an example."""


def fitted(text: str, schema: Schema) -> str:
    """A string that keeps to the format and the lengths of its schema."""
    pattern, example = FORMATS.get(schema.get("format", ""), (None, ""))
    if pattern is not None and not pattern.fullmatch(text):
        text = example
    least = schema.get("minLength", 0)
    return text.ljust(least, "-")[: schema.get("maxLength", max(least, len(text)))]


def numbers(schema: Schema) -> Iterator[int | float]:
    """Numbers that may keep to the bounds of a schema: zero, and those next to its bounds."""
    low = max(schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf))
    high = min(schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf))
    step = schema.get("multipleOf", 1)
    candidates = [0.0]
    if low > -math.inf:
        candidates += [low, math.ceil(low / step) * step, (math.floor(low / step) + 1) * step]
    if high < math.inf:
        candidates += [high, math.floor(high / step) * step, (math.ceil(high / step) - 1) * step]
    candidates.append((low + high) / 2)
    for number in candidates:
        if math.isfinite(number):
            yield int(number) if number == int(number) else number


def variant(value: Any, number: int) -> Any:
    """A value's like that differs from it, for lists without repeats; number 0 is itself."""
    if isinstance(value, bool):
        return value ^ bool(number % 2)
    if isinstance(value, int | float):
        return value + number
    return f"{value}{number}" if number and isinstance(value, str) else value
