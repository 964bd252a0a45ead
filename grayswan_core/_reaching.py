"""What a function can reach by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from types import CodeType, FunctionType
from typing import Any

__all__ = ["reached_by"]


def reached_by(function: FunctionType) -> dict[str, Any]:
    """The values of the names that a function uses, by name: also in functions inside of it.

    These are names around it, names of its module, and what its parameters are by default.
    `inspect.getclosurevars` leaves out what comprehensions and inner functions use of a module.
    """
    code = function.__code__
    found: dict[str, Any] = dict(function.__kwdefaults__ or {})
    defaults = function.__defaults__ or ()
    named = code.co_varnames[: code.co_argcount]
    found.update(zip(named[len(named) - len(defaults) :], defaults, strict=True))
    for name in _names(code):
        if name in function.__globals__:
            found[name] = function.__globals__[name]
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # it has no value, or none any more
            found[name] = cell.cell_contents
    return found


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)
