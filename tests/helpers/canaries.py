"""Secrets that may turn up nowhere, and the search for them."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

KEY = "gs-key-that-nobody-may-see"
HEADER = "a-gateway-secret-that-nobody-may-see"
SECRETS = (KEY, HEADER)

HERE = Path(__file__).parent


def texts_of(value: Any, seen: dict[int, Any]) -> Iterator[str]:
    """Everything a value says, as its own text and through what it holds."""
    if id(value) in seen:
        return
    seen[id(value)] = value
    yield repr(value)
    yield str(value)
    if isinstance(value, BaseException):
        with suppress(Exception):  # not every foreign error can be pickled
            yield repr(pickle.dumps(value))
        inner = [value.__cause__, value.__context__, value.args, vars(value)]
        yield from traced(value)
    elif isinstance(value, dict):
        inner = [*value, *value.values()]
    elif isinstance(value, (list, tuple, set)):
        inner = value
    else:
        inner = ()
    for each in inner:
        yield from texts_of(each, seen)


def traced(error: BaseException) -> Iterator[str]:
    """The traceback as tools print it that show locals; the test's own frames hold the key."""
    for frame in traceback.TracebackException.from_exception(error, capture_locals=True).stack:
        if Path(frame.filename).parent != HERE:
            yield f"{frame.filename} {frame.name} {frame.locals}"


def assert_clean(*values: Any) -> None:
    """Fail where a value, or anything it holds, shows a secret."""
    said = "\n".join(text for value in values for text in texts_of(value, {}))
    for secret in SECRETS:
        place = said.find(secret)
        assert place < 0, said[max(0, place - 500) : place + 100]
