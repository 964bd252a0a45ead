"""Secrets that a pickle would carry to other machines: found before it is sent."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr

__all__ = ["secret_in"]

_NAME = re.compile(r"key|token|secret|password|credential", re.IGNORECASE)
_OWN = ("key", "KEY", "token", "TOKEN", "secret", "SECRET", "password", "PASSWORD")
_SHORTEST = 8
_DEPTH = 8


def secret_in(pickled: bytes, model: Any) -> str | None:
    """The name of a secret that is in a pickle, if one is.

    Args:
        pickled: The pickle.
        model: What was pickled, whose own secrets are looked for, beside those of the environment.
    """
    for name, value in (*_of_environment(), *_of_model(model, _DEPTH)):
        if len(value) >= _SHORTEST and value.encode() in pickled:
            return name
    return None


def _of_environment() -> Iterator[tuple[str, str]]:
    for name, value in os.environ.items():
        if _NAME.search(name):
            yield name, value


def _of_model(value: Any, depth: int) -> Iterator[tuple[str, str]]:
    for name, held in _held(value) if depth else ():
        if isinstance(held, SecretStr):
            yield name, held.get_secret_value()
        elif isinstance(held, SecretBytes):
            yield name, held.get_secret_value().decode(errors="replace")
        elif isinstance(held, str) and name.endswith(_OWN):
            yield name, held
        else:
            yield from _of_model(held, depth - 1)


def _held(value: Any) -> Iterator[tuple[str, Any]]:
    """What a value holds, with the names that tell what it is."""
    if isinstance(value, BaseModel):
        yield from ((name, getattr(value, name, None)) for name in type(value).model_fields)
    elif inspect.isfunction(value):
        known = inspect.getclosurevars(value)
        yield from {**known.globals, **known.nonlocals}.items()
    elif isinstance(value, Mapping):
        yield from (("", each) for each in value.values())
    elif isinstance(value, (list, tuple)):
        yield from (("", each) for each in value)
