"""Marks what tools say, and what others say about their tools."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, cast

from langchain_core.messages import BaseMessage
from langchain_core.tools import BaseTool
from langchain_core.tools import tool as make_tool
from langchain_core.utils.function_calling import convert_to_openai_tool

from grayswan_core import ConfigurationError
from grayswan_core.untrusted.schemas import check_name, check_names, mark_schema
from grayswan_core.untrusted.values import mark_untrusted
from langchain_grayswan.marking import marked_result
from langchain_grayswan.marking_errors import marking_errors

__all__ = [
    "described_elsewhere",
    "tool_name",
    "untrusted_tool",
    "untrusted_tools",
]


def untrusted_tool(tool: BaseTool | Callable[..., Any], *, described: bool = False) -> BaseTool:
    """A tool whose results are marked as untrusted; also usable as a decorator.

    The tool keeps its class, its name and what is injected into it. Its results are marked on
    their way out: the content of a `ToolMessage`, but not its artifact; what a `Command` carries;
    of a bare result every text in it; JSON stays JSON. So are the errors that it raises.

    Args:
        tool: A tool, which is left as it is, or a function to make one of.
        described: Whether its description and schema are untrusted, too, as those of an MCP server
            of somebody else's are.

    Raises:
        ConfigurationError: the tool is described elsewhere, and its name or that of a parameter
            is no name.
    """
    plain_tool = tool if isinstance(tool, BaseTool) else make_tool(tool)
    described = described or isinstance(plain_tool, _MarksDescription)
    if described:
        check_name(plain_tool.name)
    kind = _MarksDescription if described else _MarksResults
    if isinstance(plain_tool, kind):
        return plain_tool
    bare = _bare(plain_tool)
    copy = bare.model_copy()
    copy.__class__ = _marking_class(kind, type(bare))
    if described:
        copy.description = mark_untrusted(copy.description, ticks=False)
        mark_schema(copy.tool_call_schema)  # to refuse a parameter that is no name
    return copy


def untrusted_tools(
    tools: Iterable[BaseTool | Callable[..., Any]], *, described: bool = False
) -> list[BaseTool]:
    """`untrusted_tool` for several, as for all of an MCP server.

    Raises:
        ConfigurationError: there is no list of tools; or they are described elsewhere, and a name
            is no name, or that of two.
    """
    given: Any = tools
    if isinstance(given, BaseTool) or not isinstance(given, Iterable):
        raise ConfigurationError(
            f"untrusted_tools() takes a list of tools, not a {type(tools).__name__}. For one tool,"
            " use untrusted_tool()."
        )
    marked = [untrusted_tool(tool, described=described) for tool in tools]
    if described:
        check_names(tool.name for tool in marked)
    return marked


class _MarksResults(BaseTool):
    """What `untrusted_tool` puts before a tool's own class."""

    def run(self, tool_input: str | dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        state = _state_in(tool_input)
        with marking_errors(self, state):
            return marked_result(super().run(tool_input, *args, **kwargs), state)

    async def arun(self, tool_input: str | dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        state = _state_in(tool_input)
        with marking_errors(self, state):
            return marked_result(await super().arun(tool_input, *args, **kwargs), state)

    def __reduce__(self) -> tuple[Any, ...]:
        # The class is made while the program runs, so a pickle cannot name it.
        return _unpickled, (_bare(self), isinstance(self, _MarksDescription))


def _state_in(tool_input: Any) -> Any:
    """The agent's state, if a tool is given it. Only LangGraph has messages among its arguments."""
    given = tool_input.values() if isinstance(tool_input, dict) else ()
    for each in (getattr(value, "state", value) for value in given):
        state = {"messages": each} if isinstance(each, list) else each
        messages = state.get("messages") if isinstance(state, Mapping) else ()
        if isinstance(messages, list) and any(isinstance(m, BaseMessage) for m in messages):
            return state
    return None


class _MarksDescription(_MarksResults):
    """The same for a tool whose description and schema are untrusted, too."""

    @property
    def tool_call_schema(self) -> Any:
        bare = _bare(self)
        schema = bare.tool_call_schema
        if not isinstance(schema, dict):
            schema = convert_to_openai_tool(bare)["function"]["parameters"]
        return mark_schema(schema)

    @property
    def args(self) -> dict[str, Any]:
        properties: dict[str, Any] = self.tool_call_schema.get("properties", {})
        return properties


def _unpickled(tool: BaseTool, described: bool) -> BaseTool:
    return untrusted_tool(tool, described=described)


def _bare(tool: BaseTool) -> BaseTool:
    """A copy of the class that the tool had before."""
    copy = tool.model_copy()
    copy.__class__ = next(each for each in type(tool).__mro__ if each.__module__ != __name__)
    return copy


@cache
def _marking_class(kind: type[BaseTool], tool_class: type[BaseTool]) -> type[BaseTool]:
    name = f"Untrusted{tool_class.__name__}"
    return type(name, (kind, tool_class), {"__module__": __name__})


def described_elsewhere(tool: BaseTool | dict[str, Any]) -> BaseTool | dict[str, Any]:
    """A tool as a model is shown it, with its description and schema marked.

    Raises:
        ConfigurationError: its name, or that of a parameter, is no name.
    """
    if isinstance(tool, BaseTool):
        return untrusted_tool(tool, described=True)
    if (name := tool_name(tool)) is not None:
        check_name(name)
    return cast("dict[str, Any]", mark_schema(tool))


def tool_name(tool: BaseTool | dict[str, Any]) -> str | None:
    """The name of a tool, in any of the forms that models are given tools in."""
    if isinstance(tool, BaseTool):
        return tool.name
    for form in ("function", "toolSpec"):
        if isinstance(tool.get(form), dict):
            return tool_name(tool[form])
    name = tool.get("name", tool.get("title"))
    return name if name is None else str(name)
