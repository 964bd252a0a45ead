"""Responses in the API's own JSON, as a gateway may write them, for the local server to play."""

from __future__ import annotations

import json
from typing import Any

from grayswan_devserver import RawResponse

__all__ = ["call", "delta", "streamed", "whole"]

_HEAD = {"id": "chatcmpl-1", "created": 1, "model": "cygnet"}


def call(name: str, arguments: str | None, **fields: Any) -> dict[str, Any]:
    """A tool call; `fields` are its `id`, its `index`, or what else a gateway writes."""
    function = {"name": name, "arguments": arguments}
    return {"type": "function", "function": function, **fields}


def delta(fields: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    """A chunk of one choice."""
    choice = {"index": 0, "delta": fields, "finish_reason": finish_reason}
    return {**_HEAD, "object": "chat.completion.chunk", "choices": [choice]}


def streamed(*chunks: dict[str, Any]) -> RawResponse:
    """A stream of chunks, and its end."""
    events = [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks]
    headers = {"content-type": "text/event-stream"}
    return RawResponse(b"".join(events) + b"data: [DONE]\n\n", headers=headers)


def whole(message: dict[str, Any], finish_reason: str = "tool_calls") -> RawResponse:
    """A whole response with one choice."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", **message},
        "finish_reason": finish_reason,
    }
    body = {**_HEAD, "object": "chat.completion", "choices": [choice], "usage": None}
    return RawResponse(json.dumps(body).encode(), headers={"content-type": "application/json"})
