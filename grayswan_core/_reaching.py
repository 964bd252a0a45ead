"""What a function can reach by name."""

from __future__ import annotations

import dis
from contextlib import suppress
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

__all__ = ["reached_by"]

# `co_names` would do but for attributes, which are no names of the module's.
_LOOK_UP = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})


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


@lru_cache(maxsize=4096)
def _names(code: CodeType) -> tuple[str, ...]:
    """The names that code looks up in its module, as does code inside of it."""
    own = {each.argval for each in dis.get_instructions(code) if each.opname in _LOOK_UP}
    inner = (each for each in code.co_consts if isinstance(each, CodeType))
    return tuple(sorted(own.union(*map(_names, inner))))
