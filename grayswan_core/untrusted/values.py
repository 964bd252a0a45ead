"""Marks on every text of a value: put on, and taken off. Sans-I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar, cast
from uuid import UUID

from grayswan_core.untrusted.marks import mark_untrusted, without_marks

__all__ = ["mark_all", "mark_untrusted", "strip_marks", "strip_with"]

_T = TypeVar("_T")

_LONGEST_NAME = 24


def mark_all(value: Any) -> Any:
    """A value with every text in it marked: in lists, tuples and mappings, however deep.

    Numbers and None say nothing and stay. Of a mapping's keys, short names stay, so that programs
    find them. Whatever else it is, a template would write it as text, so it becomes marked text.
    """
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {_marked_key(key): mark_all(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        marked = [mark_all(item) for item in value]
        return marked if isinstance(value, list) else tuple(marked)
    return mark_untrusted(value if isinstance(value, str) else str(value))


def _marked_key(key: Any) -> Any:
    is_name = isinstance(key, str) and key.isidentifier() and len(key) <= _LONGEST_NAME
    return key if is_name else mark_all(key)


# Values that cannot hold a mark.
_ATOMS = (type(None), bool, int, float, Decimal, date, time, timedelta, UUID, Enum)


def strip_marks(value: _T) -> _T:
    """A copy of a text, list, tuple or dict (nested, keys included) without any mark.

    Numbers, dates, UUIDs, enum members and None stay as they are.

    Raises:
        TypeError: it is, or holds, an object of another type.
    """
    return cast("_T", strip_with(_refused, value))


def strip_with(objects: Callable[[Any], Any], value: Any) -> Any:
    """`strip_marks` for an adapter, whose framework has types of its own.

    Args:
        objects: Strips an object of any other type, or raises TypeError.
        value: The value.
    """
    if isinstance(value, _ATOMS):
        return value
    if isinstance(value, str):
        return without_marks(value)
    if isinstance(value, dict):
        return {strip_with(objects, key): strip_with(objects, item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(strip_with(objects, item) for item in value)
    return objects(value)


def _refused(value: Any) -> Any:
    raise TypeError(
        f"strip_marks() does not know where a {type(value).__name__} holds text. Pass the text"
        " itself, or a list or dict of texts."
    )
