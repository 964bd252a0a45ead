"""A model's settings and a call's arguments to a request. Pure functions.

What the API has no field for is rejected here, with a hint about what to use instead. It is
neither sent in the hope that it works, nor dropped.
"""

from __future__ import annotations

import reprlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from grayswan_core.decoding.stop import normalize_stop
from grayswan_core.errors import InvalidRequestError
from grayswan_core.request.hints import advice_on
from grayswan_core.request.tool_choice import forbids_parallel_calls, resolve_tool_choice
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
    """One call of a model: the request, and what the API has no field for.

    Attributes:
        request: What is sent.
        stop: Sequences that end the response's text.
        tool_required: Whether the response must call one of the request's tools.
        parallel_tool_calls: Whether the response may call several tools. If not, the first call
            of a tool on offer is kept.
        raise_on_content_filter: Whether a refusal is an error instead of a response.
    """

    request: ChatRequest
    stop: tuple[str, ...] = ()
    tool_required: bool = False
    parallel_tool_calls: bool = True
    raise_on_content_filter: bool = False

    @property
    def is_reviewed(self) -> bool:
        """Whether chunks are reviewed before they are handed out; plain text need not be."""
        return bool(self.request.tools) or self.raise_on_content_filter


def build_call(
    messages: Sequence[Message],
    settings: Mapping[str, Any],
    arguments: Mapping[str, Any],
    *,
    setting_names: Collection[str] = (),
    raise_on_content_filter: bool = False,
) -> CompletionCall:
    """The call that settings and arguments make.

    Args:
        messages: The conversation.
        settings: The model's own values, by field name.
        arguments: The call's values, which take precedence. None means not given.
        setting_names: All that can be set when the model is made, for the hint in an error.
        raise_on_content_filter: Whether a refusal is an error instead of a response.

    Raises:
        InvalidRequestError: the API has no such field, or a value is out of its range.
    """
    fields = {**settings, **{name: value for name, value in arguments.items() if value is not None}}
    stop = normalize_stop(fields.pop("stop", None))
    parallel = bool(fields.pop("parallel_tool_calls", True))
    tools = fields.pop("tools", None) or None
    names = [_name(tool) for tool in tools or ()]
    choice = fields.pop("tool_choice", None)
    parallel = parallel and not forbids_parallel_calls(choice)
    resolved = resolve_tool_choice(choice, names)
    for name in fields:
        if name not in SAMPLING_FIELDS:
            raise InvalidRequestError(_refusal(name, setting_names))
    try:
        request = ChatRequest(
            messages=list(messages),
            tools=tools,
            tool_choice=resolved.sent,
            **fields,
        )
    except ValidationError as error:
        raise InvalidRequestError(_problems(error)) from None
    request = separate(request)
    return CompletionCall(
        request,
        stop,
        tool_required=resolved.is_required,
        parallel_tool_calls=parallel,
        raise_on_content_filter=raise_on_content_filter,
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


def _refusal(name: str, settings: Collection[str]) -> str:
    hint = advice_on(name, _CALL_FIELDS, settings=settings)
    return f"Unknown argument {name!r} of a call. {hint}"


def _problems(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)
    listed = "; ".join(
        f"{'.'.join(map(str, each['loc']))}: {each['msg'].removeprefix('Value error, ')}"
        for each in found
    )
    return f"The request cannot be sent: {listed}."
