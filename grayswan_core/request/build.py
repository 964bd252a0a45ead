"""A model's settings and a call's arguments to what is asked. Pure.

What the service has no field for is refused here with a word on what to do instead. It is not
sent in the hope that it works, and not dropped.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from grayswan_core.decoding.stop import normalize_stop
from grayswan_core.errors import InvalidRequestError
from grayswan_core.request.hints import advice_on
from grayswan_core.request.tool_choice import REQUIRED, resolve_tool_choice
from grayswan_core.untrusted.data_messages import separate
from grayswan_core.wire import ChatRequest, Message, Tool

__all__ = ["SAMPLING_FIELDS", "CompletionCall", "build_call"]

SAMPLING_FIELDS = (
    "model",
    "max_tokens",
    "temperature",
    "top_p",
    "frequency_penalty",
    "n",
    "moderate_before",
)
"""The request's fields that a model holds as settings and a call may override."""

_CALL_FIELDS = (*SAMPLING_FIELDS, "stop", "tools", "tool_choice", "parallel_tool_calls")


@dataclass(frozen=True)
class CompletionCall:
    """What to ask, and call the service has no field for.

    Attributes:
        request: What is sent.
        stop: Sequences that end the answer.
        tool_required: Whether the answer must call one of the request's tools.
        parallel_tool_calls: Whether the answer may call several tools. If not, the first call
            is kept.
        raise_on_content_filter: Whether a refusal is to be an error instead of an answer.
    """

    request: ChatRequest
    stop: tuple[str, ...] = ()
    tool_required: bool = False
    parallel_tool_calls: bool = True
    raise_on_content_filter: bool = False

    @property
    def is_reviewed(self) -> bool:
        """Whether chunks are looked at before they are handed out; plain text need not be."""
        return bool(self.request.tools) or self.raise_on_content_filter


def build_call(
    messages: Sequence[Message], settings: Mapping[str, Any], arguments: Mapping[str, Any]
) -> CompletionCall:
    """What one call asks.

    Args:
        messages: The conversation.
        settings: The model's own values, by field name.
        arguments: The call's values, which win. None means not given.

    Raises:
        InvalidRequestError: a field is not the service's, or a value is out of its range.
    """
    fields = {**settings, **{name: value for name, value in arguments.items() if value is not None}}
    stop = normalize_stop(fields.pop("stop", None))
    parallel = bool(fields.pop("parallel_tool_calls", True))
    tools = fields.pop("tools", None) or None
    names = [_name(tool) for tool in tools or ()]
    choice = resolve_tool_choice(fields.pop("tool_choice", None), names)
    for name in fields:
        if name not in SAMPLING_FIELDS:
            raise InvalidRequestError(_refusal(name))
    try:
        request = ChatRequest(
            messages=list(messages),
            tools=tools,
            tool_choice="auto" if choice == REQUIRED else choice,
            **fields,
        )
    except ValidationError as error:
        raise InvalidRequestError(_problems(error)) from None
    request = separate(request)
    return CompletionCall(
        request, stop, tool_required=choice == REQUIRED, parallel_tool_calls=parallel
    )


def _name(tool: Any) -> str:
    if isinstance(tool, Tool):
        return tool.function.name
    try:
        return str(tool["function"]["name"])
    except (TypeError, LookupError):
        raise InvalidRequestError(
            'A tool is {"type": "function", "function": {"name": ..., "description": ...,'
            f' "parameters": ...}}}}, not {reprlib.repr(tool)}.'
        ) from None


def _refusal(name: str) -> str:
    return f"A call takes no argument {name!r}. {advice_on(name, _CALL_FIELDS)}"


def _problems(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)
    listed = "; ".join(
        f"{'.'.join(map(str, each['loc']))}: {each['msg'].removeprefix('Value error, ')}"
        for each in found
    )
    return f"The request cannot be sent: {listed}."
