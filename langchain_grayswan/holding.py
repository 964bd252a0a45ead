"""Whether a runnable has a language model somewhere inside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

from langchain_core.documents import Document
from langchain_core.language_models import BaseLanguageModel
from langchain_core.runnables import Runnable
from pydantic import BaseModel

from grayswan_core._reaching import reached_by

__all__ = ["holds_model"]


def holds_model(value: Any) -> bool:
    """Whether a runnable, or anything that it is made of, is a language model.

    A function is made of what it can reach by name, and so are the methods of a runnable.
    """
    waiting, seen = [value], {id(None): None}
    while waiting:
        each = waiting.pop()
        if isinstance(each, BaseLanguageModel):
            return True
        if id(each) not in seen:
            seen[id(each)] = each
            waiting += _inside(each)
    return False


# Of what there may be thousands.
_LEAVES = (str, bytes, int, float, Document, type, ModuleType)

_FUNCTIONS = (FunctionType, MethodType, partial)


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, (*_LEAVES, list, tuple, set, frozenset)):
        return () if isinstance(value, _LEAVES) else value
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, _FUNCTIONS):
        return _reached(value)
    fields = getattr(value, "__dict__", {}).values()
    if isinstance(value, (Runnable, BaseModel)):
        private = (getattr(value, "__pydantic_private__", None) or {}).values()
        return (*fields, *private, *_methods(type(value)))
    # Of another object, such as a store with thousands of texts, no more is looked at.
    called = [value.__call__] if callable(value) else []
    return filter(_is_part, (*fields, *called))


# Whose methods reach no model but what an object holds.
_FRAMEWORKS = ("builtins", "abc", "typing", "pydantic", "langchain_core")


def _methods(kind: type) -> Iterator[Any]:
    for base in kind.__mro__:
        if base.__module__.partition(".")[0] not in _FRAMEWORKS:
            for each in vars(base).values():
                method = getattr(each, "__wrapped__", each)  # of static and class methods, too
                if isinstance(method, FunctionType):
                    yield method


def _reached(function: Any) -> Iterable[Any]:
    if isinstance(function, partial):
        return (function.func, *function.args, *function.keywords.values())
    if isinstance(function, MethodType):
        return (function.__self__, function.__func__)
    return reached_by(function).values()


def _is_part(value: Any) -> bool:
    return isinstance(value, (BaseLanguageModel, Runnable, *_FUNCTIONS))
