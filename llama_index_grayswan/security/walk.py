"""The walk over a part and all that is in it, each looked up in the table.

LlamaIndex has no public way to a part's parts: `get_prompts` names templates, and of some
classes not all. So the walk reads the attributes of objects, private ones too; it knows from
the table whose attributes they are.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any
from weakref import WeakSet

from llama_index.core.base.llms.base import BaseLLM
from llama_index.core.chat_engine.types import BaseChatEngine
from llama_index.core.indices.base import BaseIndex
from llama_index.core.llms import MockLLM
from llama_index.core.llms.structured_llm import StructuredLLM
from llama_index.core.memory import BaseMemory, BaseMemoryBlock
from llama_index.core.objects import ObjectRetriever
from llama_index.core.objects.base_node_mapping import BaseObjectNodeMapping
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.prompts import BasePromptTemplate
from llama_index.core.prompts.mixin import PromptMixin
from llama_index.core.schema import Document, IndexNode, Node, NodeWithScore, TextNode
from llama_index.core.tools import BaseTool, FunctionTool
from llama_index.core.tools.tool_spec.base import BaseToolSpec
from llama_index.core.workflow import Workflow

from grayswan_core import ConfigurationError
from grayswan_core._reaching import reached_by
from llama_index_grayswan.fallback import TranslatesMarks
from llama_index_grayswan.llm import GraySwan
from llama_index_grayswan.security.guard import guard
from llama_index_grayswan.security.parts import METHODS, MakesEngines
from llama_index_grayswan.security.prompts import marking
from llama_index_grayswan.security.table import CUSTOM, ROWS, Refused, Row, Secured
from llama_index_grayswan.subclassing import own_class
from llama_index_grayswan.tool_marking import untrusted_tool

__all__ = ["KINDS", "Walk", "full_name", "known_as", "vouch"]

KINDS = (
    PromptMixin,  # engines, retrievers, synthesizers, evaluators, selectors, transforms
    BaseChatEngine,
    BaseMemory,
    BaseMemoryBlock,
    BaseNodePostprocessor,
    BaseObjectNodeMapping,
    BaseTool,
    BaseToolSpec,
    ObjectRetriever,
    Workflow,
)
"""The classes whose subclasses are parts: what may show text to a model."""

# What nobody but another part uses; so it stays as it is, and can be pickled, where it can.
_PASSIVE = (BaseMemory, BaseMemoryBlock)

# What is not looked into; there may be thousands of them.
_LEAVES = frozenset({str, int, float, bool, type(None), Document, Node, NodeWithScore, TextNode})

_FUNCTIONS = (FunctionType, MethodType, partial)
_REACHED = (*KINDS, *_FUNCTIONS, BaseIndex)

_MARKS_COME_OFF: tuple[type[BaseLLM], ...] = (GraySwan, TranslatesMarks, MockLLM)


def full_name(of: type) -> str:
    """The name a class has in the table."""
    return f"{of.__module__}.{of.__qualname__}"


_vouched: WeakSet[type] = WeakSet()


def vouch(classes: Iterable[type]) -> None:
    """Remember, for this process, classes that its user has read.

    Raises:
        ConfigurationError: one is no class.
    """
    for each in classes:
        if not isinstance(each, type):
            raise ConfigurationError(f"vouched takes classes, and {each!r} is none.")
        _vouched.add(each)


def known_as(own: type) -> tuple[Row, str] | None:
    """What is known of a class, and by the name of which class.

    Of a class that changes nothing, or that is vouched for, it is what is known of its base.
    """
    for base in own.__mro__:
        name = full_name(base)
        if name in ROWS:
            return ROWS[name], name
        if base in _vouched:
            return _base_of(base) or (CUSTOM, name)
        if _changes(base):
            break
    return None


def _base_of(vouched: type) -> tuple[Row, str] | None:
    names = [full_name(base) for base in vouched.__mro__ if full_name(base) in ROWS]
    return None if not names or isinstance(ROWS[names[0]], Refused) else (ROWS[names[0]], names[0])


# What a subclass may have of its own: none of it is in the way of a text. Each class without bases,
# such as an empty mixin, has the two descriptors.
_HARMLESS = frozenset({"__init__", "__repr__", "__str__", "class_name", "__dict__", "__weakref__"})
_PYDANTIC = ("pydantic", "pydantic_core")


def _changes(own: type) -> bool:
    return any(
        (callable(value) or hasattr(value, "__get__"))
        and name not in _HARMLESS
        and not isinstance(value, type)
        and str(getattr(value, "__module__", "")).partition(".")[0] not in _PYDANTIC
        for name, value in vars(own).items()
    )


class Walk:
    """Secures parts, and what they hold.

    Args:
        secure_again: Begins another walk; guards keep it.
    """

    def __init__(self, secure_again: Callable[[Any], Any]) -> None:
        self._secure_again = secure_again
        self._seen: dict[int, tuple[Any, Any]] = {}  # with what has the ID, that it keeps it
        self._path: list[str] = []

    def part(self, part: Any) -> Any:
        """The part, secured; a tool is replaced, any other part changed.

        Raises:
            ConfigurationError: it, or something in it, is of a kind that cannot be secured.
        """
        if id(part) in self._seen:
            return self._seen[id(part)][1]
        own = own_class(part)
        with self._at(own.__name__):
            row, name = self._known(part, own)
            secured = untrusted_tool(part) if isinstance(part, BaseTool) else part
            self._seen[id(part)] = self._seen[id(secured)] = (part, secured)
            methods = METHODS.get(name)
            if methods or not isinstance(secured, _PASSIVE):
                guard(secured, self._secure_again, methods)
            if hasattr(secured, "prepare_parts"):
                secured.prepare_parts()
            if isinstance(secured, FunctionTool):
                self._reached({"function": secured.real_fn})
            for attribute, value in list(_attributes(secured)):
                with self._at(attribute):
                    replaced = self._attribute(value, row)
                if replaced is not value:
                    setattr(secured, attribute, replaced)
        return secured

    def _known(self, part: Any, own: type) -> tuple[Row, str]:
        known = known_as(own)
        if known is None:
            raise self._error(
                f"secure() does not know how a {own.__name__} uses what it retrieves. Use a part"
                " of LlamaIndex's own, unchanged. Or mark by hand what it shows a model"
                " (UntrustedNodePostprocessor, mark_untrusted, untrusted_tool), or have it marked"
                f" by its templates, and say so: secure(..., vouched=[{own.__name__}])"
            )
        row = known[0]
        if isinstance(row, Refused):
            raise self._error(f"secure() cannot secure a {own.__name__}. {row.advice}")
        if getattr(part, "_multimodal", False):
            raise self._error(
                f"This {own.__name__} shows the model images, and Cygnet reads text only."
            )
        replaced = [
            name for name, value in vars(part).items() if callable(value) and _is_method(own, name)
        ]
        if replaced and own not in _vouched:
            raise self._error(
                f"secure() does not know what this {own.__name__} does: its method {replaced[0]!r}"
                " was replaced."
            )
        return known

    def _attribute(self, value: Any, row: Row) -> Any:
        if isinstance(value, BasePromptTemplate):
            return marking(value, row.trusted) if isinstance(row, Secured) else value
        return self._value(value)

    def _value(self, value: Any) -> Any:
        if type(value) in _LEAVES:
            return value
        if isinstance(value, KINDS):
            return self.part(value)
        if isinstance(value, tuple):
            replaced = [self._value(item) for item in value]
            if any(new is not old for new, old in zip(replaced, value, strict=True)):
                return tuple(replaced)
        else:
            self._look_into(value)
        return value

    def _look_into(self, value: Any) -> None:
        """What is no part, and may hold some."""
        if isinstance(value, BaseLLM):
            self._check_llm(value)
        elif isinstance(value, IndexNode):
            self._value(value.obj)
        elif isinstance(value, _FUNCTIONS):
            self._function(value)
        elif isinstance(value, (list, dict)) and id(value) not in self._seen:
            self._seen[id(value)] = (value, value)
            self._contents(value)

    def _contents(self, values: list[Any] | dict[Any, Any]) -> None:
        items = list(values.items() if isinstance(values, dict) else enumerate(values))
        for key, item in items:
            replaced = self._value(item)
            if replaced is not item:
                values[key] = replaced

    def _function(self, function: Any) -> None:
        """The parts that a function can reach by name, also by way of another function."""
        if id(function) in self._seen:
            return
        self._seen[id(function)] = (function, function)
        if isinstance(function, partial):
            self._reached(dict(enumerate((function.func, *function.args))) | function.keywords)
            return
        owner = getattr(function, "__self__", None)
        if isinstance(owner, KINDS) and known_as(own_class(owner)):
            self.part(owner)
        elif owner is not None and hasattr(owner, "__dict__"):
            self._reached(vars(owner))
        written = getattr(function, "__func__", function)
        if isinstance(written, FunctionType):
            self._reached(reached_by(written))

    def _reached(self, values: dict[Any, Any]) -> None:
        # What else a function uses, another vendor's model too, is the user's own code.
        for name, value in list(values.items()):
            if type(value) in _LEAVES:
                continue
            with self._at(str(name)):
                if isinstance(value, KINDS):
                    self.part(value)
                elif isinstance(value, BaseIndex):
                    guard(value, self._secure_again, MakesEngines)
                elif isinstance(value, _FUNCTIONS):
                    self._function(value)
                elif id(value) not in self._seen:
                    self._seen[id(value)] = (value, value)
                    self._reached(_held(value))

    def _check_llm(self, llm: BaseLLM) -> None:
        while isinstance(llm, StructuredLLM):
            llm = llm.llm
        if not isinstance(llm, _MARKS_COME_OFF):
            raise self._error(
                f"A {type(llm).__name__} does not take marks off, and would read untrusted text as"
                " the user's. Use GraySwan there, or untrusted_fallback(llm)."
            )

    @contextmanager
    def _at(self, name: str) -> Iterator[None]:
        self._path.append(name)
        yield
        self._path.pop()

    def _error(self, message: str) -> ConfigurationError:
        place = ".".join(self._path)
        return ConfigurationError(f"{message} (In {place}.)" if len(self._path) > 1 else message)


def _held(value: Any) -> dict[Any, Any]:
    """What can be reached through a value that is no part: members, and parts as attributes."""
    if isinstance(value, dict):
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return dict(enumerate(value))
    if isinstance(value, (type, ModuleType)):
        return {}
    attributes = dict(getattr(value, "__dict__", {}))
    if callable(value):
        attributes["__call__"] = value.__call__
    return {name: each for name, each in attributes.items() if isinstance(each, _REACHED)}


def _attributes(part: Any) -> Iterator[tuple[str, Any]]:
    yield from vars(part).items()
    yield from (getattr(part, "__pydantic_private__", None) or {}).items()


def _is_method(own: type, name: str) -> bool:
    return inspect.isfunction(inspect.getattr_static(own, name, None))
