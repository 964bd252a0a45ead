"""The schemas and descriptions that tools are offered with, and tools that core can call by them.

LlamaIndex takes some keys of a class's JSON Schema as they are. A class that contains itself has
none of them, as it is a reference into `$defs`, and a `RootModel` may be no object.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from llama_index.core.tools import FunctionTool, ToolMetadata
from llama_index.core.tools.types import BaseTool
from pydantic import BaseModel

__all__ = ["callable_by_core", "description_of", "is_wrapped", "parameters_of", "unwrapped"]

_ROOT = "root"

_DEFINITIONS = "#/$defs/"

_SENT = ("type", "properties", "required", "$defs")


# A schema of pydantic's costs a third of a millisecond, and a call with tools needs it of each.
_PARAMETERS: WeakKeyDictionary[type[BaseModel], dict[str, Any]] = WeakKeyDictionary()


def parameters_of(metadata: ToolMetadata) -> dict[str, Any]:
    """The JSON Schema of a tool's arguments: an object with properties. Made once for a class."""
    if type(metadata) is not ToolMetadata or metadata.fn_schema is None:
        return _parameters_of(metadata)
    parameters = _PARAMETERS.get(metadata.fn_schema)
    if parameters is None:
        parameters = _PARAMETERS[metadata.fn_schema] = _parameters_of(metadata)
    return parameters.copy()


def _parameters_of(metadata: ToolMetadata) -> dict[str, Any]:
    parameters: dict[str, Any] = metadata.get_parameters_dict()
    if "properties" in parameters or metadata.fn_schema is None:
        return parameters
    schema = _resolved(metadata.fn_schema.model_json_schema())
    if "properties" not in schema:
        definitions = {"$defs": schema.pop("$defs")} if "$defs" in schema else {}
        root = {"properties": {_ROOT: schema}, "required": [_ROOT]}
        schema = {"type": "object", **root, **definitions}
    return {name: schema[name] for name in _SENT if name in schema}


def description_of(tool: BaseTool) -> str:
    """A tool's description; that of its class where core made one up of its own function's."""
    metadata = tool.metadata
    description = metadata.description or ""
    if metadata.fn_schema is None or not description.endswith("\nModel function."):
        return description
    return str(_resolved(metadata.fn_schema.model_json_schema()).get("description") or "")


def is_wrapped(output_cls: type[BaseModel]) -> bool:
    """Whether the class is sent as the one property of an object, being no object itself."""
    return "properties" not in _resolved(output_cls.model_json_schema())


def unwrapped(arguments: Mapping[str, Any]) -> Any:
    """The value of a class that `is_wrapped`, in a call's arguments; None if it is not there."""
    return arguments.get(_ROOT)


def callable_by_core(tools: Sequence[BaseTool]) -> list[BaseTool]:
    """The tools; those whose properties core could not find, as copies that tell it."""
    return [_callable_by_core(tool) for tool in tools]


def _callable_by_core(tool: BaseTool) -> BaseTool:
    if not isinstance(tool, FunctionTool) or "properties" in tool.metadata.get_parameters_dict():
        return tool
    described = copy.copy(tool)
    described._metadata = _ObjectMetadata(**vars(tool.metadata))  # noqa: SLF001 - core has no other way
    return described


class _ObjectMetadata(ToolMetadata):
    def get_parameters_dict(self) -> dict[str, Any]:
        return parameters_of(ToolMetadata(**vars(self)))


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema that a class's reference to its own definition stands for."""
    reference = schema.get("$ref", "")
    if not reference.startswith(_DEFINITIONS):
        return schema
    own = {name: value for name, value in schema.items() if name != "$ref"}
    return {**schema["$defs"][reference.removeprefix(_DEFINITIONS)], **own}
