"""Whatever LangChain accepts as a tool, as the API's one kind of tool."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from langchain_core._api.beta_decorator import suppress_langchain_beta_warning
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from grayswan_core import InvalidRequestError
from langchain_grayswan.schemas import recursive_parameters

__all__ = ["ToolLike", "wire_tool", "wire_tools"]

ToolLike: TypeAlias = Mapping[str, Any] | type | Callable[..., Any] | BaseTool | Runnable[Any, Any]

# The `type` of a tool in a dict, which may be absent: a function in OpenAI's form or Anthropic's
# (`custom`), or a JSON Schema (`object`). Others are run by the provider's servers.
_FUNCTIONS = ("function", "custom", "object", None)

_LONGEST_REASON = 500  # characters; LangChain quotes the whole tool


class _WireTool(dict[str, Any]):
    """A tool in the API's form, as `bind_tools` keeps it for all calls to come."""


def wire_tools(tools: Sequence[ToolLike]) -> list[dict[str, Any]]:
    """The tools in the API's form; those that are in it already stay as they are.

    Raises:
        InvalidRequestError: one is no function, or cannot be described.
    """
    return [wire_tool(tool) for tool in tools]


def wire_tool(tool: ToolLike) -> dict[str, Any]:
    """One tool, with the description and the parameters that the API requires.

    Args:
        tool: A function, a pydantic class (v1 or v2), a TypedDict, a `BaseTool`, a runnable, or
            a dict: OpenAI's or Anthropic's form of a tool, OpenAI's form of a response format
            (`name` and `schema`), or a JSON Schema that has a title.

    Raises:
        InvalidRequestError: it is no function, or cannot be described.
    """
    if isinstance(tool, _WireTool):
        return tool
    if isinstance(tool, Mapping):
        tool = _unwrapped(tool)
    if isinstance(tool, Mapping) and tool.get("type") not in _FUNCTIONS:
        raise InvalidRequestError(
            f"Cygnet has no tool of type {tool['type']!r}. It calls functions only: pass a"
            " function, a BaseTool, a pydantic class, a TypedDict or a function's schema."
        )
    try:
        return _described(tool)
    except Exception as error:  # whatever LangChain runs into with what is no tool
        raise InvalidRequestError(
            f"A tool cannot be described to the model: {type(error).__name__}:"
            f" {str(error)[:_LONGEST_REASON]}. Pass a function with a name, type hints and a"
            " docstring, a BaseTool or a schema."
        ) from error


def _described(tool: Any) -> dict[str, Any]:
    if isinstance(tool, Runnable) and not isinstance(tool, BaseTool):
        with suppress_langchain_beta_warning():
            tool = tool.as_tool()
    function = convert_to_openai_tool(tool)["function"]
    # A key `strict` is left out: the API does not constrain arguments.
    described = {
        "name": function["name"],
        "description": function.get("description") or "",
        "parameters": recursive_parameters(tool)
        or function.get("parameters")
        or {"type": "object", "properties": {}},
    }
    kind = described["parameters"].get("type", "object")
    if "object" not in kind:
        raise TypeError(
            f"its arguments are no object but of type {kind!r}. Make that a field of a class"
        )
    return _WireTool(type="function", function=described)


def _unwrapped(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """OpenAI's other forms (of its Responses API, and of a response format) as a function.

    Any other dict is left unchanged.
    """
    if tool.get("type") == "function" and "function" not in tool:
        return {name: value for name, value in tool.items() if name != "type"}
    inner = tool.get("json_schema", tool) if tool.get("type") == "json_schema" else tool
    if not isinstance(inner, Mapping) or not {"name", "schema"} <= set(inner):
        return tool
    described = inner.get("description") or ""
    return {"name": inner["name"], "description": described, "parameters": inner["schema"]}
