"""Marks on every text of a value: put on, and taken off. Sans-I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar, cast
from uuid import UUID

from grayswan_core.untrusted.marks import has_marks, mark_untrusted, without_marks
from grayswan_core.untrusted.ticks import WORDS_PER_TICK

__all__ = [
    "ATOMS",
    "is_short_name",
    "mark_all",
    "mark_metadata",
    "mark_name",
    "mark_output",
    "mark_untrusted",
    "strip_marks",
    "strip_with",
]

_T = TypeVar("_T")

_LONGEST_WORD = 24
_LONGEST_IDEOGRAPHIC = 12


def mark_all(value: Any, *, ticks: bool = True) -> Any:
    """A value with every text in it marked: in lists, tuples and mappings, however deep.

    Numbers and None say nothing and stay. Of a mapping's keys, short names stay, so that programs
    find them. Whatever else it is, a template would write it as text, so it becomes marked text.

    Args:
        value: The value.
        ticks: As in `mark_untrusted`.
    """
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {_marked_key(key): mark_all(item, ticks=ticks) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        marked = [mark_all(item, ticks=ticks) for item in value]
        return marked if isinstance(value, list) else tuple(marked)
    return mark_untrusted(value if isinstance(value, str) else str(value), ticks=ticks)


def mark_output(text: str) -> str:
    """What a tool says, marked. JSON stays JSON for the program: its string values are marked."""
    if text.lstrip()[:1] not in ("{", "["):
        return mark_untrusted(text)
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return mark_untrusted(text)
    return _JSON_STRING.sub(_marked_json_string, text)


_JSON_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"(?P<key>\s*:)?')


def _marked_json_string(found: re.Match[str]) -> str:
    colon = found["key"] or ""
    written = found[0].removesuffix(colon)
    said = json.loads(written)
    marked = _marked_key(said) if colon else mark_untrusted(said)
    return found[0] if marked == said else json.dumps(marked, ensure_ascii=False) + colon


def mark_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A document's metadata, with every text among it marked but for names (`mark_name`)."""
    return {
        _marked_key(key): mark_name(value) if isinstance(value, str) else mark_all(value)
        for key, value in metadata.items()
    }


def mark_name(text: str) -> str:
    """A text that is marked if it is more than a name.

    A name has no white space, and no more than seven words of 24 letters: an ID, the name of a
    file, most URLs. It stays as it is, so that programs can compare it. Characters beyond ASCII
    are letters or digits there, since others may spell a text that people do not see.
    """
    return text if _is_name(text) else mark_untrusted(text)


_WORDS = re.compile(r"[^\W\d_]+")
_HEX = re.compile(r"[0-9a-f-]{1,64}", re.IGNORECASE)
_LONGEST_NAME = WORDS_PER_TICK * _LONGEST_WORD


def _is_name(text: str) -> bool:
    if len(text) > _LONGEST_NAME or not all(map(_is_of_names, text)) or has_marks(text):
        return False
    words = _WORDS.findall(text.partition("://")[2] or text)
    return bool(_HEX.fullmatch(text)) or (
        len(words) <= WORDS_PER_TICK
        and all(len(w) <= (_LONGEST_WORD if w.isascii() else _LONGEST_IDEOGRAPHIC) for w in words)
    )


def _is_of_names(character: str) -> bool:
    return "!" <= character <= "~" or character.isalnum()


def is_short_name(text: str) -> bool:
    """Whether a text is an identifier that has no room for instructions."""
    return text.isidentifier() and len(text) <= _LONGEST_WORD and all(map(_is_of_names, text))


def _marked_key(key: Any) -> Any:
    return key if isinstance(key, str) and is_short_name(key) else mark_all(key)


ATOMS = (type(None), bool, int, float, Decimal, date, time, timedelta, UUID, Enum)
"""Types of values that hold no text."""


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
    if isinstance(value, ATOMS):
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
