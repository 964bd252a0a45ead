"""LlamaIndex tools to what is offered on the wire, and tool calls back. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ChatResponse, ToolCallBlock
from llama_index.core.llms.llm import ToolSelection

from grayswan_core import InvalidRequestError, ToolCallArgumentsError, ToolCallMissingError
from grayswan_core.decoding.tool_calls import arguments_so_far, parse_arguments
from grayswan_core.request.tool_choice import REQUIRED, unwrap_tool_choice

if TYPE_CHECKING:
    from llama_index.core.tools.types import BaseTool

__all__ = ["offered_tools", "sent_choice", "sent_name", "tool_selections"]

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")

_LONGEST_QUOTE = 200


def sent_name(name: str) -> str:
    """A tool's name as it is sent: `Box[int]`, which services refuse, is sent as `Box_int_`."""
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
    metadata = tool.metadata
    function = {
        "name": sent_name(metadata.get_name()),
        "description": metadata.description or "",
        "parameters": metadata.get_parameters_dict(),
    }
    return {"type": "function", "function": function}


def sent_choice(choice: Any, *, required: bool) -> Any:
    """The choice among tools that are on offer; `choice`, where there is one, wins."""
    choice = unwrap_tool_choice(choice)
    if choice:
        return sent_name(choice) if isinstance(choice, str) else choice
    return REQUIRED if required else None


def tool_selections(response: ChatResponse, *, required: bool) -> list[ToolSelection]:
    """The calls that an answer makes.

    In mid-stream, which is where `delta` is set and a finish reason is not, their arguments are
    as far as they have come.

    Raises:
        ToolCallMissingError: there is none, and one is required.
        ToolCallArgumentsError: the answer has ended, and a call's arguments are no JSON object.
    """
    blocks = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
    finish_reason = response.additional_kwargs.get("finish_reason")
    if not blocks and required:
        said = (response.message.content or "")[:_LONGEST_QUOTE]
        raise ToolCallMissingError(
            f"The model called no tool where one had to be called. It said {said!r} (finish"
            f" reason {finish_reason!r})."
        )
    arriving = response.delta is not None and finish_reason is None
    return [
        ToolSelection(
            tool_id=block.tool_call_id or "",
            tool_name=block.tool_name,
            tool_kwargs=_arguments(block, arriving=arriving),
        )
        for block in blocks
    ]


def _arguments(block: ToolCallBlock, *, arriving: bool) -> Mapping[str, Any]:
    if not isinstance(block.tool_kwargs, str):
        return block.tool_kwargs
    if arriving:
        return arguments_so_far(block.tool_kwargs)
    try:
        return parse_arguments(block.tool_kwargs)
    except ValueError as error:
        raise ToolCallArgumentsError(
            f"The arguments of the model's call of {block.tool_name!r} cannot be read, so the"
            f" call is not made: {error} They begin with"
            f" {block.tool_kwargs[:_LONGEST_QUOTE]!r}."
        ) from error
