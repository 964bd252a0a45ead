"""Pydantic models copied from one that was validated, without validating each again. Sans-I/O.

A stream makes the frameworks' objects a thousand times over, alike but for their text. Validation
and defaults are most of what a chunk costs; here one object is validated, and the others are made
from its state, as unpickling makes a model.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import BaseModel

__all__ = ["Prototype"]

# The four attributes that a pydantic model consists of. Pydantic's own way past validation,
# `model_construct`, looks at each field in turn, and costs more than validation.
_STATE = (
    "__dict__",
    "__pydantic_fields_set__",
    "__pydantic_extra__",
    "__pydantic_private__",
)
# Set by their descriptors: past `BaseModel.__setattr__`, and without a lookup for each chunk.
_set_dict, _set_given, _set_extra, _set_private = (vars(BaseModel)[name].__set__ for name in _STATE)

_M = TypeVar("_M", bound=BaseModel)


class Prototype(Generic[_M]):
    """Makes models like a given one.

    The first model it makes is compared with what the class's constructor makes. Where they
    differ, as they may with a newer framework, the constructor makes all of them.

    Args:
        model: Made by its constructor, with every field given that `like` will be given. Its
            lists and dicts are empty: each model made gets new ones.
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
        self._is_faithful: bool | None = None

    def like(self, **fields: Any) -> _M:
        """A model with these fields instead, which are not validated."""
        values = {**self._values, **fields}
        for name, kind in self._empty:
            if name not in fields:
                values[name] = [] if kind is list else {}
        model = self._kind.__new__(self._kind)
        _set_dict(model, values)
        _set_given(model, self._given.copy())
        _set_extra(model, {} if self._has_extra else None)
        _set_private(model, None)
        return model if self._is_faithful else self._compared(model, fields)

    def _compared(self, copied: _M, fields: dict[str, Any]) -> _M:
        given = {name: getattr(copied, name) for name in self._given}
        made = self._kind(**given | fields)
        if self._is_faithful is None:
            self._is_faithful = _state(made) == _state(copied)
        return made


def _state(model: BaseModel) -> list[Any]:
    return [getattr(model, name) for name in _STATE]
