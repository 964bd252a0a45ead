"""Marks what tools raise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from langchain_core.tools import BaseTool, ToolException
from pydantic import ValidationError

from grayswan_core.untrusted.spans import split
from grayswan_core.untrusted.values import mark_all, mark_untrusted
from langchain_grayswan.marking import marked_result

__all__ = ["marking_errors"]


@contextmanager
def marking_errors(tool: BaseTool | None = None, state: Any = None) -> Iterator[None]:
    """Marks what errors say that are raised in the block, and those that they come from.

    An error keeps its class where its message is made of its arguments; another is raised as a
    `ToolException`, and comes from none. Those by which LangGraph steers a graph pass, with what a
    `Command` among them carries marked. So do those about the arguments that the model gave a
    tool, which the model is to read and mend.

    Args:
        tool: The tool that is run.
        state: The state of the graph that runs it.
    """
    try:
        yield
    except Exception as error:
        if _is_about_arguments(error, tool) or _is_a(error, _TOOL_NODE, "ToolInvocationError"):
            raise
        if _is_a(error, _GRAPH, "GraphBubbleUp"):
            if _is_a(error, _GRAPH, "ParentCommand"):
                error.args = (marked_result(error.args[0], state),)
            raise
        said = str(error)
        if _is_marked(error):
            raise
        raise ToolException(mark_untrusted(said, ticks=False)) from None


_GRAPH = "langgraph.errors"
_TOOL_NODE = "langgraph.prebuilt.tool_node"


def _is_a(error: Exception, module: str, name: str) -> bool:
    return any((each.__module__, each.__name__) == (module, name) for each in type(error).__mro__)


def _is_about_arguments(error: Exception, tool: BaseTool | None) -> bool:
    schema = getattr(tool, "args_schema", None)
    return isinstance(error, ValidationError) and (
        isinstance(schema, type) and error.title == schema.__name__
    )


def _is_marked(error: BaseException, seen: tuple[BaseException, ...] = ()) -> bool:
    """Mark what an error says, and say whether all of it is marked then."""
    error.args = tuple(mark_all(each, ticks=False) for each in error.args)
    if notes := getattr(error, "__notes__", None):
        notes[:] = mark_all(notes, ticks=False)
    cause = error.__cause__
    if cause and (cause in seen or not _is_marked(cause, (*seen, error))):
        error.__cause__ = None
    # What else was being handled is not shown, and not marked: it may be the program's own.
    error.__suppress_context__ = True
    name = type(error).__name__
    return not (_has_trusted_words(str(error)) or _has_trusted_words(repr(error).replace(name, "")))


def _has_trusted_words(text: str) -> bool:
    return any(map(str.isalpha, "".join(p.text for p in split(text) if not p.untrusted)))
