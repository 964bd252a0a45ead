"""The bytes the benchmark server answers with, made once before anything is measured."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["CHUNK_TEXT", "TOOL", "event", "plain_response", "stream_response"]

CHUNK_TEXT = "token "
TOOL = "Report"
"""The tool that a streamed call is of: `{"text": ...}` are its arguments."""

_PIECE = 4
"""Characters of arguments in one chunk."""

_HEAD = {
    "id": "chatcmpl-benchmark",
    "created": 1_700_000_000,
    "model": "cygnet",
    "system_fingerprint": "fp",
}
_USAGE = {"prompt_tokens": 10, "completion_tokens": 1000, "total_tokens": 1010}


def plain_response() -> bytes:
    """A whole HTTP response: a text of a hundred words."""
    message = {"role": "assistant", "content": CHUNK_TEXT * 100}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    body = json.dumps(
        {**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _USAGE}
    ).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def stream_response(count: int, *, calls_tool: bool = False) -> list[bytes]:
    """The pieces of an HTTP response: its head, one piece an event, and its end.

    Args:
        count: How many chunks of text there are; or characters of a call's arguments.
        calls_tool: Whether it calls the tool.
    """
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    head += b"transfer-encoding: chunked\r\n\r\n"
    deltas = _call(count) if calls_tool else [{"content": CHUNK_TEXT}] * count
    events = [event(delta) for delta in [{"role": "assistant", "content": ""}, *deltas]]
    events.append(event({}, "tool_calls" if calls_tool else "stop"))
    return [head, *events, _framed(b"data: [DONE]\n\n"), b"0\r\n\r\n"]


def event(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
    """One event as it is sent."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    chunk = {**_HEAD, "object": "chat.completion.chunk", "choices": [choice]}
    return _framed(f"data: {json.dumps(chunk)}\n\n".encode())


def _call(length: int) -> list[dict[str, Any]]:
    whole = json.dumps({"text": (CHUNK_TEXT * length)[: length - 12]})
    begun = {"index": 0, "id": "call_1", "type": "function"}
    pieces = [whole[at : at + _PIECE] for at in range(0, len(whole), _PIECE)]
    return [
        {"tool_calls": [{**begun, "function": {"name": TOOL, "arguments": ""}}]},
        *({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces),
    ]


def _framed(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"
