"""Models like one that was checked, without checking each anew. Pure.

A stream makes the framework's objects a thousand times over, alike but for their text. Their
checks and their fields' defaults cost most of what a chunk costs; here one is checked, and the
others are made of its state, as unpickling makes a model.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import BaseModel

__all__ = ["Prototype"]

# A model of pydantic's is these four attributes. Its own way past the checks, `model_construct`,
# looks at each field in turn, and costs more than the checks.
_set = object.__setattr__

_M = TypeVar("_M", bound=BaseModel)


class Prototype(Generic[_M]):
    """Makes models like a given one.

    Args:
        model: Made in the usual way, with every field given that `like` will be given. Its
            lists and dicts are empty ones: each model made has its own, but not of what is
            in them.
    """

    def __init__(self, model: _M) -> None:
        self._kind = type(model)
        self._values = dict(model)
        self._given = model.model_fields_set
        self._has_extra = model.model_extra is not None
        self._empty = [
            (name, type(value))
            for name, value in self._values.items()
            if isinstance(value, (list, dict))
        ]

    def like(self, **fields: Any) -> _M:
        """A model with these fields instead. They are taken as they are: nothing checks them."""
        values = {**self._values, **fields}
        for name, kind in self._empty:
            if name not in fields:
                values[name] = kind()
        model = self._kind.__new__(self._kind)
        _set(model, "__dict__", values)
        _set(model, "__pydantic_fields_set__", self._given.copy())
        _set(model, "__pydantic_extra__", {} if self._has_extra else None)
        _set(model, "__pydantic_private__", None)
        return model
