"""Schemas that contain themselves, whose references have to stay references.

LangChain writes each `$ref` out where it stands, and leaves `{}` where that would never end: the
children of a tree become a list of anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import is_dataclass
from typing import Any
from urllib.parse import unquote

from langchain_core.tools import BaseTool, create_schema_from_function
from langchain_core.utils.pydantic import is_pydantic_v1_subclass
from pydantic import BaseModel, PydanticUserError, TypeAdapter

__all__ = ["recursive_parameters"]

_NOT_SENT = frozenset({"title", "description", "$ref"})


def recursive_parameters(tool: Any) -> dict[str, Any] | None:
    """The parameters of a tool whose schema contains itself; None for every other tool.

    Args:
        tool: As in `tools.wire_tool`.
    """
    schema = _schema_of(tool)
    if not any(each in _reachable(each, schema) for each in set(_references(schema))):
        return None
    root = _target(schema.get("$ref", ""), schema) or {}
    parameters = {**root, **schema}
    return {name: value for name, value in parameters.items() if name not in _NOT_SENT}


def _schema_of(tool: Any) -> dict[str, Any]:
    if isinstance(tool, dict):  # LangChain leaves its references as they are
        return {}
    if isinstance(tool, BaseTool):
        tool = tool.tool_call_schema
    if isinstance(tool, dict):  # of a tool server
        return tool
    if not isinstance(tool, type) and callable(tool):
        tool = create_schema_from_function(
            tool.__name__, tool, parse_docstring=True, error_on_invalid_docstring=False
        )
    if isinstance(tool, type) and issubclass(tool, BaseModel):
        return tool.model_json_schema()
    if isinstance(tool, type) and is_pydantic_v1_subclass(tool):
        schema: dict[str, Any] = tool.schema()  # type: ignore[attr-defined]
        return schema
    if isinstance(tool, type) and is_dataclass(tool):
        with suppress(PydanticUserError):  # of a field that LangChain knows how to describe
            return TypeAdapter(tool).json_schema()
    return {}


def _reachable(reference: str, schema: dict[str, Any]) -> set[str]:
    """The references that stand in what one refers to, in what these refer to, and so on."""
    found: set[str] = set()
    waiting = [reference]
    while waiting:
        for each in _references(_target(waiting.pop(), schema)):
            if each not in found:
                found.add(each)
                waiting.append(each)
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            yield reference
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _references(item)


def _target(reference: str, schema: dict[str, Any]) -> Any:
    """What a reference points at in the schema (`#`, or a JSON pointer as in `#/$defs/Node`)."""
    if not reference.startswith("#"):
        return None
    found: Any = schema
    for part in unquote(reference[1:]).split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list):
            found = {str(index): item for index, item in enumerate(found)}
        found = found.get(name) if isinstance(found, dict) else None
    return found
