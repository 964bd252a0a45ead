"""The bytes the benchmark server answers with, made once before anything is measured."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["CHUNK_TEXT", "plain_answer", "stream_answer"]

CHUNK_TEXT = "token "

_HEAD = {
    "id": "chatcmpl-benchmark",
    "created": 1_700_000_000,
    "model": "cygnet",
    "system_fingerprint": "fp",
}
_USAGE = {"prompt_tokens": 10, "completion_tokens": 1000, "total_tokens": 1010}


def plain_answer() -> bytes:
    """A whole HTTP response: a plain answer of a hundred words."""
    message = {"role": "assistant", "content": CHUNK_TEXT * 100}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    body = json.dumps(
        {**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _USAGE}
    ).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def stream_answer(chunks: int, *, tool_call: bool = False) -> list[bytes]:
    """The pieces of an HTTP response: its head, one piece an event, and its end."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    head += b"transfer-encoding: chunked\r\n\r\n"
    deltas = [{"role": "assistant", "content": ""}]
    deltas += [
        _tool_delta(number, chunks) if tool_call else {"content": CHUNK_TEXT}
        for number in range(chunks)
    ]
    events = [_event(delta, None) for delta in deltas]
    events.append(_event({}, "tool_calls" if tool_call else "stop"))
    pieces = [_framed(f"data: {event}\n\n".encode()) for event in [*events, "[DONE]"]]
    return [head, *pieces, b"0\r\n\r\n"]


def _tool_delta(number: int, chunks: int) -> dict[str, Any]:
    if number == 0:
        call: dict[str, Any] = {"id": "call_1", "type": "function"}
        return {"tool_calls": [{"index": 0, **call, "function": {"name": "f", "arguments": ""}}]}
    begin = '{"items": [0' if number == 1 else f", {number}"
    end = "]}" if number == chunks - 1 else ""
    return {"tool_calls": [{"index": 0, "function": {"arguments": begin + end}}]}


def _event(delta: dict[str, Any], finish_reason: str | None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return json.dumps({**_HEAD, "object": "chat.completion.chunk", "choices": [choice]})


def _framed(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"
