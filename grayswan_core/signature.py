"""A function's signature, computed once.

Both frameworks inspect the signature of a model's hooks at each call, which costs as much as
building the request. `inspect.signature` takes what a function has in `__signature__`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["with_signature"]

_F = TypeVar("_F", bound=Callable[..., Any])


def with_signature(function: _F) -> _F:
    """The function, which keeps its signature. A decorator for what a framework inspects."""
    function.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return function
