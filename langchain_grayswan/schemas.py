"""Schemas that contain themselves, whose definitions have to stay definitions.

LangChain writes each `$ref` out where it stands, and leaves `{}` where that would never end: the
children of a tree become a list of anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langchain_core.tools import BaseTool, create_schema_from_function
from pydantic import BaseModel

__all__ = ["recursive_parameters"]

_DEFINITIONS = "#/$defs/"


def recursive_parameters(tool: Any) -> dict[str, Any] | None:
    """The parameters of a tool whose schema contains itself; None for every other tool.

    Args:
        tool: As in `tools.wire_tool`.
    """
    schema = _schema_of(tool)
    definitions: dict[str, Any] = schema.get("$defs") or {}
    if not any(name in _reachable(name, definitions) for name in definitions):
        return None
    root = schema.get("$ref", "").removeprefix(_DEFINITIONS)
    parameters = {**definitions.get(root, {}), **schema}
    hidden = {"title", "description", "$ref"}
    return {name: value for name, value in parameters.items() if name not in hidden}


def _schema_of(tool: Any) -> dict[str, Any]:
    if isinstance(tool, BaseTool):
        tool = tool.tool_call_schema
    if isinstance(tool, dict):
        return {**tool.get("parameters", tool)} if "$defs" in tool else {}
    if not isinstance(tool, type) and callable(tool):
        tool = create_schema_from_function(
            tool.__name__, tool, parse_docstring=True, error_on_invalid_docstring=False
        )
    if isinstance(tool, type) and issubclass(tool, BaseModel):
        return tool.model_json_schema()
    return {}


def _reachable(name: str, definitions: dict[str, Any]) -> set[str]:
    """The definitions that one refers to, and those that these refer to, and so on."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for reference in _references(definitions.get(waiting.pop())):
            if reference not in found:
                found.add(reference)
                waiting.append(reference)
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            yield reference.removeprefix(_DEFINITIONS)
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
