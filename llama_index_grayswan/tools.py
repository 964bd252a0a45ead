"""LlamaIndex tools to tools on the wire, and tool calls back. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ChatResponse, ToolCallBlock
from llama_index.core.llms.llm import ToolSelection

from grayswan_core import InvalidRequestError, ToolCallArgumentsError, ToolCallMissingError
from grayswan_core.decoding.partial_json import arguments_so_far
from grayswan_core.decoding.tool_calls import parse_arguments
from grayswan_core.request.tool_choice import REQUIRED, unwrap_tool_choice
from llama_index_grayswan.schemas import description_of, parameters_of

if TYPE_CHECKING:
    from llama_index.core.tools.types import BaseTool

__all__ = ["offered_tools", "sent_choice", "sent_name", "tool_lookup", "tool_selections"]

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")

_LONGEST_QUOTE = 200


# Core's own tool by which an agent hands over. Users' tools cannot have the name.
_HANDOFF = "handoff"


def sent_name(name: str) -> str:
    """A tool's name as it is sent: `Box[int]`, which APIs refuse, is sent as `Box_int_`."""
    return _NOT_IN_NAMES.sub("_", name)


def offered_tools(tools: Sequence[BaseTool]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The tools as they are sent, and the names of those that are sent under another one.

    Returns:
        The tools, and a mapping of sent names to the tools' own.

    Raises:
        InvalidRequestError: two tools would be sent under one name.
    """
    own_names: dict[str, str] = {}
    for tool in tools:
        name = tool.metadata.get_name()
        other = own_names.setdefault(sent_name(name), name)
        if other != name:
            raise InvalidRequestError(
                f"The tools {other!r} and {name!r} would both be sent as {sent_name(name)!r}."
                " Rename one of them."
            )
    renamed = {sent: own for sent, own in own_names.items() if sent != own}
    return [_offered(tool) for tool in tools], renamed


def _offered(tool: BaseTool) -> dict[str, Any]:
    function = {
        "name": sent_name(tool.metadata.get_name()),
        "description": description_of(tool),
        "parameters": parameters_of(tool.metadata),
    }
    return {"type": "function", "function": function}


def sent_choice(choice: Any, offered: Sequence[Mapping[str, Any]], *, required: bool) -> Any:
    """The choice among the tools on offer; `choice`, where there is one, wins."""
    choice = unwrap_tool_choice(choice)
    if not choice and required and offered:
        choice = REQUIRED
    if choice == REQUIRED and len(offered) == 1:
        # Chosen by name its arguments are streamed; a required call is held back until whole. And
        # a program that offers one tool has its own way to recover from a bad response.
        return offered[0]["function"]["name"]
    return sent_name(choice) if isinstance(choice, str) and choice else choice or None


def tool_selections(
    response: ChatResponse, *, required: bool, strict: bool = True
) -> list[ToolSelection]:
    """The calls that a response makes.

    In mid-stream, which is where `delta` is set and a finish reason is not, their arguments are
    as far as they have come.

    Args:
        response: The response, whole or so far.
        required: Whether there has to be a call.
        strict: Whether arguments that cannot be read are an error. If not, the call is turned
            into one that no tool answers: an agent then tells the model, and goes on.

    Raises:
        ToolCallMissingError: there is none, and one is required.
        ToolCallArgumentsError: the response has ended, and a call's arguments are not a JSON
            object.
    """
    blocks = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
    finish_reason = response.additional_kwargs.get("finish_reason")
    if not blocks and required:
        text = (response.message.content or "")[:_LONGEST_QUOTE]
        raise ToolCallMissingError(
            f"The model called no tool although a call was required. Its text is {text!r} (finish"
            f" reason {finish_reason!r})."
        )
    arriving = response.delta is not None and finish_reason is None
    return [_selection(block, arriving=arriving, strict=strict) for block in blocks]


@contextmanager
def tool_lookup() -> Iterator[None]:
    """Make an error about the model's response of the one that core's look-up of tools gives.

    Raises:
        ToolCallMissingError: the model's call is of no tool on offer.
    """
    try:
        yield
    except KeyError as error:
        raise ToolCallMissingError(
            f"The model's call is of no tool on offer: {error.args[0]}."
        ) from error


def _selection(block: ToolCallBlock, *, arriving: bool, strict: bool) -> ToolSelection:
    name, arguments = block.tool_name, block.tool_kwargs
    if isinstance(arguments, str):
        text = arguments
        try:
            arguments = arguments_so_far(text) if arriving else parse_arguments(text)
        except ValueError as error:
            if strict:
                raise ToolCallArgumentsError(
                    f"The arguments of the model's call of {name!r} cannot be read, so the call"
                    f" is not made: {error} They begin with {text[:_LONGEST_QUOTE]!r}."
                ) from error
            name, arguments = _unanswered(name, error)
    return ToolSelection(
        tool_id=block.tool_call_id or "", tool_name=name, tool_kwargs=dict(arguments)
    )


def _unanswered(name: str, error: ValueError) -> tuple[str, dict[str, Any]]:
    """The name and arguments of a call that is sure to fail before a tool runs, saying why.

    Agents have one place for an error that the model is to read: the result of the call. They
    give it for a tool that they do not find, naming it. The tool by which they hand over must be
    found, but it takes no other arguments than its own, and names those it does not take.
    """
    problem = f"arguments are not a JSON object ({error})"
    if name == _HANDOFF:
        return name, {f"none: the {problem}": ""}
    return f"{name} was not run, because its {problem}; a tool that takes these was", {}
