"""Secrets that a pickle would carry to other machines: found before it is sent."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr

__all__ = ["secret_in"]

_NAME = re.compile(r"key|token|secret|password|credential", re.IGNORECASE)
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
    if depth == 0:
        return
    if isinstance(value, Mapping):
        for each in value.values():
            yield from _of_model(each, depth - 1)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _of_model(each, depth - 1)
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            held = getattr(value, name, None)
            if isinstance(held, (SecretStr, SecretBytes)):
                secret = held.get_secret_value()
                yield name, secret if isinstance(secret, str) else secret.decode(errors="replace")
            elif isinstance(held, str) and name.endswith(("api_key", "secret", "password")):
                yield name, held
            else:
                yield from _of_model(held, depth - 1)
