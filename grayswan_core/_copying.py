"""Copies and pickles of models that hold what cannot be copied: locks, connections, handlers."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ["objects_in", "unpicklable"]

_DATA = (str, bytes, int, float, complex, type(None))
_CONTAINERS = (list, tuple, set, frozenset)


def objects_in(values: Iterable[Any]) -> Iterator[Any]:
    """All that is no plain data in lists, dicts and the like, however deep."""
    pending, seen = list(values), set()
    while pending:
        value = pending.pop()
        if isinstance(value, _DATA) or id(value) in seen:
            continue
        seen.add(id(value))
        if type(value) is dict:
            pending += [*value, *value.values()]
        elif type(value) in _CONTAINERS:
            pending += value
        else:
            yield value


def unpicklable(values: Mapping[str, Any]) -> tuple[str, Exception] | None:
    """The first value that cannot be pickled, by its name, and the reason."""
    reasons = ((name, _reason(value)) for name, value in values.items())
    return next(((name, reason) for name, reason in reasons if reason is not None), None)


def _reason(value: Any) -> Exception | None:
    try:
        pickle.dumps(value)
    except Exception as error:  # noqa: BLE001 - a class may raise what it likes
        return error
    return None
