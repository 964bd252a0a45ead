"""Numbers that keep to the bounds of their schema."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grayswan_devserver.rules.schemas import Schema

__all__ = ["fit_number"]


def fit_number(number: float, schema: Schema, *, whole: bool) -> int | float:
    """The number nearest to the given one that the schema allows.

    Args:
        number: where to start from.
        schema: with its bounds and `multipleOf`.
        whole: whether an integer is asked for.
    """
    low, high = _bounds(schema, whole=whole)
    fitted = min(max(number, low), high)
    step = schema.get("multipleOf")
    if step is None and whole:
        step = 1
    if step is not None and fitted % step:
        above = math.ceil(fitted / step) * step
        fitted = above if above <= high else math.floor(fitted / step) * step
    return int(fitted) if whole or fitted == int(fitted) else fitted


def _bounds(schema: Schema, *, whole: bool) -> tuple[float, float]:
    low = float("-inf") if "minimum" not in schema else schema["minimum"]
    high = float("inf") if "maximum" not in schema else schema["maximum"]
    above = schema.get("exclusiveMinimum", float("-inf"))
    below = schema.get("exclusiveMaximum", float("inf"))
    if whole:
        return _above_whole(low, above), -_above_whole(-high, -below)
    if above >= low:
        low = _between(above, min(high, below), upward=True)
    if below <= high:
        high = max(low, _between(below, max(low, above), upward=False))
    return low, high


def _above_whole(low: float, above: float) -> float:
    """The least whole number that is at least the one and more than the other."""
    least = low if math.isinf(low) else math.ceil(low)
    more = above if math.isinf(above) else math.floor(above) + 1
    return max(least, more)


def _between(bound: float, other: float, *, upward: bool) -> float:
    """A round number just inside an exclusive bound."""
    if math.isinf(bound):
        return bound
    next_one = bound + 1 if upward else bound - 1
    inside = next_one < other if upward else next_one > other
    return next_one if inside else (bound + other) / 2
