"""Untrusted text for models that have no role `data`: as results of tool calls. Sans-I/O.

Models of OpenAI's shape are trained to rank what a tool returned below what the user said. So each
`data` message becomes the result of a call of a tool that was never on offer: an assistant's turn
that calls it, and the tool's turn.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from grayswan_core.errors import InvalidRequestError
from grayswan_core.untrusted.data_messages import separate
from grayswan_core.untrusted.marks import has_marks
from grayswan_core.wire import (
    ChatRequest,
    FunctionCall,
    FunctionDefinition,
    Message,
    Tool,
    ToolCall,
)

__all__ = ["READ_UNTRUSTED_TEXT", "data_as_tool_results", "refuse_marks", "translate"]

READ_UNTRUSTED_TEXT = "read_untrusted_text"
"""The name of the tool whose results untrusted texts become."""


def data_as_tool_results(messages: Sequence[Message]) -> list[Message]:
    """The messages with no role `data`; all others are the same objects."""
    translated: list[Message] = []
    count = 0
    for is_data, group in groupby(messages, key=lambda message: message.role == "data"):
        if not is_data:
            translated += group
            continue
        texts = list(group)
        translated += _as_results(texts, count)
        count += len(texts)
    return translated


def _as_results(texts: Sequence[Message], count: int) -> Iterator[Message]:
    """One turn that calls the tool for each text, and the results."""
    calls = [
        ToolCall(
            id=f"untrusted_text_{number}",
            function=FunctionCall(
                name=READ_UNTRUSTED_TEXT, arguments=json.dumps({"number": number})
            ),
        )
        for number in range(count + 1, count + len(texts) + 1)
    ]
    yield Message(role="assistant", content="", tool_calls=calls)
    for call, text in zip(calls, texts, strict=True):
        yield Message(role="tool", content=text.content, tool_call_id=call.id)


def translate(messages: Sequence[Message], tools: Sequence[Any]) -> tuple[list[Message], list[Any]]:
    """A request for a model of another vendor: no mark in it, and no role `data`.

    Args:
        messages: The messages; those without untrusted text stay the same objects.
        tools: What is on offer, as dicts of OpenAI's shape; others stay as they are.

    Raises:
        InvalidRequestError: a tool that is no function, or a field that functions do not have,
            holds a mark.
    """
    functions = [tool for tool in tools if _is_function(tool)]
    request = separate(
        ChatRequest(
            model="any", messages=[*messages], tools=[_tool(each) for each in functions] or None
        )
    )
    described = iter(request.tools or ())
    renewed = [_renewed(tool, next(described)) if _is_function(tool) else tool for tool in tools]
    refuse_marks({"tools": renewed})
    return data_as_tool_results(request.messages), renewed


def refuse_marks(arguments: Mapping[str, Any]) -> None:
    """Refuse untrusted text where another vendor's model would take it for the program's.

    Raises:
        InvalidRequestError: an argument of a call holds a mark.
    """
    for name, value in arguments.items():
        if isinstance(value, (str, dict, list)) and has_marks(json.dumps(value, default=str)):
            raise InvalidRequestError(
                f"The argument {name!r} of a call holds untrusted text, and another vendor's model"
                " would take it for the program's own. Leave it out of there."
            )


def _is_function(tool: Any) -> bool:
    return isinstance(tool, dict) and isinstance(tool.get("function"), dict)


def _tool(tool: dict[str, Any]) -> Tool:
    function = tool["function"]
    return Tool(
        function=FunctionDefinition(
            name=function["name"],
            description=function.get("description") or "",
            parameters=function.get("parameters") or {},
        )
    )


def _renewed(tool: dict[str, Any], described: Tool) -> dict[str, Any]:
    new = described.function.model_dump()
    old = tool["function"]
    return {**tool, "function": {**old, **{name: new[name] for name in new if name in old}}}
