"""The texts of a value: of lists and mappings, however deep. What holds no text is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from grayswan_core.untrusted.values import ATOMS, mark_name

__all__ = ["is_name", "prose", "strings"]

_DEPTH = 32
_LONGEST_WORD = 4096


def strings(value: Any, depth: int = _DEPTH) -> Iterator[str]:
    """Every text in a value; of an object that is no container, what it is shown as.

    Binary values hold no text and give none.
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, (bytes, bytearray, memoryview, *ATOMS)):
        return
    elif depth and isinstance(value, Mapping):
        for key, item in value.items():
            yield from strings(key, depth - 1)
            yield from strings(item, depth - 1)
    elif depth and isinstance(value, (list, tuple, AbstractSet)):
        for item in value:
            yield from strings(item, depth - 1)
    else:
        yield str(value)


def prose(value: Any) -> Iterator[str]:
    """The texts of a value that are more than a name and no data, such as a picture's bytes."""
    for text in strings(value):
        is_data = text.isascii() and " " not in text[:_LONGEST_WORD] and len(text) > _LONGEST_WORD
        if not is_data and not is_name(text):
            yield text


def is_name(text: str) -> bool:
    """Whether a text of a document's metadata is a name, which marking leaves as it is."""
    return mark_name(text) == text
