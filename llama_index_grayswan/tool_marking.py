"""Tools whose outputs are marked as untrusted, and their descriptions where others wrote them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy, deepcopy
from functools import cache
from typing import Any

from llama_index.core.tools import AsyncBaseTool, BaseTool, FunctionTool, ToolMetadata, ToolOutput
from llama_index.core.workflow import Context

from grayswan_core import ConfigurationError
from grayswan_core.untrusted.schemas import check_name, check_names, mark_schema
from grayswan_core.untrusted.values import mark_all, mark_output, mark_untrusted
from llama_index_grayswan.subclassing import subclass
from llama_index_grayswan.untrusted import marked_block

__all__ = ["is_described_elsewhere", "untrusted_tool", "untrusted_tools", "waits_for_event"]


def untrusted_tool(tool: BaseTool | Callable[..., Any], *, described: bool = False) -> BaseTool:
    """A tool whose outputs are marked as untrusted.

    The tool keeps its class, its name and its schema. Of an output the text is marked, and not
    `raw_output`, which no model is shown. Where the tool fails, the error's text may be as
    untrusted as a result: so an output is given that says so (`is_error`, `exception`), as agents
    themselves make one of an error. What a tool writes into the state of an agent's workflow,
    which is shown to the model, is marked too. What a tool shows a model by itself, as a
    `QueryEngineTool` shows what its engine retrieves, is not: `secure(tool)` marks that as well.

    Args:
        tool: A tool, which is left as it is, or a function to make one of.
        described: Whether its description and schema are untrusted, too, as those of tools are
            that another server offers (MCP).

    Raises:
        ConfigurationError: its name, or that of a parameter, is not one that a program would
            choose; names cannot be marked.
    """
    plain_tool = tool if isinstance(tool, BaseTool) else FunctionTool.from_defaults(tool)
    marking = plain_tool
    if not isinstance(plain_tool, _MarksOutput):
        marking = copy(plain_tool)
        kind = _MarksAsyncOutput if isinstance(plain_tool, AsyncBaseTool) else _MarksOutput
        marking.__class__ = _marking_class(kind, type(plain_tool))
    return _with_marked_description(marking) if described else marking


def untrusted_tools(
    tools: Iterable[BaseTool | Callable[..., Any]], *, described: bool = False
) -> list[BaseTool]:
    """`untrusted_tool` for each of several tools, such as those of an MCP server.

    ```python
    tools = untrusted_tools(await McpToolSpec(client).to_tool_list_async(), described=True)
    ```

    Raises:
        ConfigurationError: a name is not one that a program would choose, or two are the same, or
            there is no list of tools.
    """
    if not isinstance(tools, Iterable):
        raise ConfigurationError(
            f"untrusted_tools() takes a list of tools, not a {type(tools).__name__}. For one tool,"
            " use untrusted_tool()."
        )
    marked = [untrusted_tool(tool, described=described) for tool in tools]
    if described:
        check_names(tool.metadata.get_name() for tool in marked)
    return marked


class _MarksOutput(BaseTool):
    """What `untrusted_tool` puts before a tool's own class."""

    def __call__(self, *args: Any, **kwargs: Any) -> ToolOutput:
        try:
            return _marked_output(super().__call__(*args, **kwargs))  # type: ignore[safe-super]
        except Exception as error:  # noqa: BLE001 - handed on in the output
            return _failure(self, error, kwargs)


class _MarksAsyncOutput(_MarksOutput, AsyncBaseTool):
    def call(self, *args: Any, **kwargs: Any) -> ToolOutput:
        try:
            return _marked_output(super().call(*args, **kwargs))  # type: ignore[safe-super]
        except Exception as error:  # noqa: BLE001 - handed on in the output
            return _failure(self, error, kwargs)

    async def acall(self, *args: Any, **kwargs: Any) -> ToolOutput:
        contexts = [each for each in (*args, *kwargs.values()) if isinstance(each, Context)]
        before = [await _state(context) for context in contexts]
        try:
            return _marked_output(await super().acall(*args, **kwargs))  # type: ignore[safe-super]
        except Exception as error:  # noqa: BLE001 - handed on in the output
            return _failure(self, error, kwargs)
        finally:
            for context, state in zip(contexts, before, strict=True):
                await _mark_state(context, state)


@cache
def _marking_class(kind: type[BaseTool], tool_class: type[BaseTool]) -> type[BaseTool]:
    return subclass(f"Untrusted{tool_class.__name__}", (kind, tool_class), {})


def _marked_output(output: ToolOutput) -> ToolOutput:
    blocks = [marked_block(block, mark_output) for block in output.blocks]
    return output.model_copy(update={"blocks": blocks})


def waits_for_event(error: Exception) -> bool:
    """Whether a tool only waits, as for a human's answer; agents hand such an error on, too."""
    return type(error).__name__ == "WaitingForEvent"


def _failure(tool: BaseTool, error: Exception, given: dict[str, Any]) -> ToolOutput:
    if waits_for_event(error):
        raise error
    said = mark_untrusted(str(error) or type(error).__name__)
    return ToolOutput(
        content=said,
        tool_name=tool.metadata.get_name(),
        raw_input=given,
        raw_output=said,
        is_error=True,
        exception=error,
    )


# Where agents keep what they show the model before each message.
_STATE = "state"


async def _state(context: Context[Any]) -> Any:
    return deepcopy(await context.store.get(_STATE, default=None))


async def _mark_state(context: Context[Any], before: Any) -> None:
    if await context.store.get(_STATE, default=None) == before:
        return
    async with context.store.edit_state() as held:  # other tools may write to it at the same time
        if hasattr(held, _STATE):
            setattr(held, _STATE, _marked_changes(before, getattr(held, _STATE)))
        else:
            held[_STATE] = _marked_changes(before, held.get(_STATE))


def _marked_changes(before: Any, after: Any) -> Any:
    """A value with what is new in it marked."""
    if after == before:
        return after
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        kept = {key: _marked_changes(before[key], after[key]) for key in after if key in before}
        return kept | mark_all({key: value for key, value in after.items() if key not in before})
    if isinstance(before, list) and isinstance(after, list) and after[: len(before)] == before:
        return [*before, *mark_all(after[len(before) :])]
    return mark_all(after)


def is_described_elsewhere(tool: BaseTool) -> bool:
    """Whether a tool's description is marked as untrusted."""
    return isinstance(tool.metadata, _ForeignMetadata)


def _with_marked_description(tool: BaseTool) -> BaseTool:
    tool = copy(tool)
    metadata = tool.metadata
    check_name(metadata.get_name())
    marked = _ForeignMetadata(
        description=mark_untrusted(metadata.description, ticks=False),
        name=metadata.name,
        fn_schema=metadata.fn_schema,
        return_direct=metadata.return_direct,
    )
    marked.parameters = mark_schema(metadata.get_parameters_dict())
    vars(tool)["_metadata"] = marked  # where the tools of LlamaIndex keep it; there is no setter
    if tool.metadata is not marked:
        raise ConfigurationError(
            f"The description of a {type(tool).__name__} cannot be marked. Make a FunctionTool of"
            " what it calls."
        )
    return tool


class _ForeignMetadata(ToolMetadata):
    """A tool's metadata that another server wrote, marked."""

    parameters: dict[str, Any]

    def get_parameters_dict(self) -> dict[str, Any]:
        """The schema of the tool's arguments, with its texts marked."""
        return self.parameters
