"""A request of the wire → what llama.cpp is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grayswan_devserver.smollm2.grammar import narrowed
from grayswan_devserver.smollm2.prompting import turns

if TYPE_CHECKING:
    from grayswan_core.wire import ChatRequest, FunctionDefinition

__all__ = ["MAX_TOKENS", "asked"]

MAX_TOKENS = 1024
"""The longest response, in tokens, to a request without `max_tokens`; a model this small may
otherwise repeat itself until its context is full."""


def asked(request: ChatRequest, tool: FunctionDefinition | None) -> dict[str, Any]:
    """What llama.cpp is asked for one choice: an answer, or the arguments of a tool.

    Raises:
        UnfitRequestError: the tool's schema is not one that can be held to.
    """
    body = {
        "messages": turns(request.messages, _task(tool) if tool else ""),
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": request.max_tokens or MAX_TOKENS,
        # The API's defaults, where llama.cpp has others.
        "temperature": 1.0 if request.temperature is None else request.temperature,
        "top_p": 1.0 if request.top_p is None else request.top_p,
        # All that the model writes is its answer, whatever tags it writes.
        "reasoning_format": "none",
        "frequency_penalty": request.frequency_penalty or 0.0,
    }
    if tool is not None:
        schema = {"name": "arguments", "schema": narrowed(tool.parameters)}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def _task(tool: FunctionDefinition) -> str:
    return f"Write the JSON arguments for the function {tool.name}: {tool.description}"
