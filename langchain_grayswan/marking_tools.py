"""Marks what tools say, and what others say about their tools."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from langchain_core.tools import BaseTool, ToolException
from langchain_core.tools import tool as make_tool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ValidationError

from grayswan_core import ConfigurationError
from grayswan_core.untrusted.marks import has_marks
from grayswan_core.untrusted.values import mark_all, mark_name, mark_untrusted
from langchain_grayswan.marking import marked_result

__all__ = ["described_elsewhere", "marking_errors", "untrusted_tool", "untrusted_tools"]


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
        _check_names(plain_tool)
    kind = _MarksDescription if described else _MarksResults
    if isinstance(plain_tool, kind):
        return plain_tool
    bare = _bare(plain_tool)
    copy = bare.model_copy()
    copy.__class__ = _marking_class(kind, type(bare))
    if described:
        copy.description = mark_untrusted(copy.description, ticks=False)
    return copy


def untrusted_tools(
    tools: Iterable[BaseTool | Callable[..., Any]], *, described: bool = False
) -> list[BaseTool]:
    """`untrusted_tool` for several, as for all of an MCP server.

    Raises:
        ConfigurationError: there is no list of tools.
    """
    given: Any = tools
    if isinstance(given, BaseTool) or not isinstance(given, Iterable):
        raise ConfigurationError(
            f"untrusted_tools() takes a list of tools, not a {type(tools).__name__}. For one tool,"
            " use untrusted_tool()."
        )
    return [untrusted_tool(tool, described=described) for tool in tools]


class _MarksResults(BaseTool):
    """What `untrusted_tool` puts before a tool's own class."""

    def run(self, *args: Any, **kwargs: Any) -> Any:
        with marking_errors(self):
            return marked_result(super().run(*args, **kwargs))

    async def arun(self, *args: Any, **kwargs: Any) -> Any:
        with marking_errors(self):
            return marked_result(await super().arun(*args, **kwargs))

    def __reduce__(self) -> tuple[Any, ...]:
        # The class is made while the program runs, so a pickle cannot name it.
        return _unpickled, (_bare(self), isinstance(self, _MarksDescription))


class _MarksDescription(_MarksResults):
    """The same for a tool whose description and schema are untrusted, too."""

    @property
    def tool_call_schema(self) -> Any:
        bare = _bare(self)
        schema = bare.tool_call_schema
        if not isinstance(schema, dict):
            schema = convert_to_openai_tool(bare)["function"]["parameters"]
        return _marked_schema(schema)

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


@contextmanager
def marking_errors(tool: BaseTool | None = None) -> Iterator[None]:
    """Marks what errors say that are raised in the block.

    An error keeps its class where its message is made of its arguments; another is raised as a
    `ToolException`. Those by which LangGraph steers a graph pass, and so do those about the
    arguments that the model gave a tool, which the model is to read and mend.

    Args:
        tool: The tool that is run.
    """
    try:
        yield
    except Exception as error:
        if type(error).__module__.startswith("langgraph.") or _is_about_arguments(error, tool):
            raise
        said = str(error)
        error.args = tuple(mark_all(each, ticks=False) for each in error.args)
        if said.strip() and not has_marks(str(error)):
            raise ToolException(mark_untrusted(said, ticks=False)) from error
        raise


def _is_about_arguments(error: Exception, tool: BaseTool | None) -> bool:
    schema = getattr(tool, "args_schema", None)
    return isinstance(error, ValidationError) and (
        isinstance(schema, type) and error.title == schema.__name__
    )


def _check_names(tool: BaseTool) -> None:
    parameters = convert_to_openai_tool(_bare(tool))["function"].get("parameters") or {}
    for name in (tool.name, *_property_names(parameters)):
        if not _NAME.fullmatch(name) or has_marks(mark_name(name)):
            raise ConfigurationError(
                f"A tool that is described elsewhere has a name that is none: {name!r}. Names"
                " cannot be marked: the program looks tools and parameters up by them. Leave the"
                " tool out, or give it another name."
            )


_NAME = re.compile(r"[\w.-]{1,64}")


def _property_names(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        properties = schema.get("properties")
        yield from properties if isinstance(properties, dict) else ()
        yield from (name for each in schema.values() for name in _property_names(each))
    elif isinstance(schema, list):
        yield from (name for each in schema for name in _property_names(each))


# What a JSON Schema says to its reader; its other texts are names that it is read by.
_SAID = frozenset({"title", "description", "default", "examples", "const", "$comment"})


def _marked_schema(schema: Any, key: str = "") -> Any:
    if isinstance(schema, dict):
        return {name: _marked_schema(each, name) for name, each in schema.items()}
    if isinstance(schema, list):
        return [_marked_schema(each, key) for each in schema]
    if isinstance(schema, str):
        return mark_untrusted(schema, ticks=False) if key in _SAID else mark_name(schema)
    return schema


def described_elsewhere(tool: BaseTool | dict[str, Any]) -> BaseTool | dict[str, Any]:
    """A tool as a model is shown it, with its description and schema marked.

    Raises:
        ConfigurationError: its name, or that of a parameter, is no name.
    """
    if isinstance(tool, BaseTool):
        return untrusted_tool(tool, described=True)
    return {
        name: each if name == "name" else _marked_schema(each, name) for name, each in tool.items()
    }
