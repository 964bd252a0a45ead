"""Pieces of an engine → chunks of the wire → the plain answer.

The plain answer is folded from the very chunks that a stream would send.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grayswan_devserver.engine import FinishPiece, TextPiece, ToolCallPiece

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from grayswan_devserver.engine import Piece, UsagePiece

__all__ = ["Envelope", "fold"]

Json = dict[str, Any]


@dataclass(frozen=True)
class Envelope:
    """What every chunk of one answer has in common. `created` is in Unix seconds."""

    id: str
    created: int
    model: str
    fingerprint: str

    def opening(self, index: int) -> Json:
        """The first chunk of a choice, which carries its role."""
        return self._choice(index, {"role": "assistant", "content": ""})

    def chunk(self, piece: Piece) -> Json:
        """The chunk that carries one piece."""
        if isinstance(piece, TextPiece):
            return self._choice(piece.index, {"content": piece.text})
        if isinstance(piece, ToolCallPiece):
            return self._choice(piece.index, {"tool_calls": [_call_delta(piece)]})
        if isinstance(piece, FinishPiece):
            return self._choice(piece.index, {}, piece.reason)
        return self._chunk([]) | {"usage": _usage(piece)}

    def chunks(self, pieces: Iterable[Piece], choices: int) -> Iterator[Json]:
        """The chunks of a whole answer."""
        yield from map(self.opening, range(choices))
        yield from map(self.chunk, pieces)

    def _choice(self, index: int, delta: Json, finish_reason: str | None = None) -> Json:
        return self._chunk([{"index": index, "delta": delta, "finish_reason": finish_reason}])

    def _chunk(self, choices: list[Json]) -> Json:
        return {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": choices,
            "system_fingerprint": self.fingerprint,
        }


def fold(chunks: Iterable[Json]) -> Json:
    """The plain answer that says what the chunks say."""
    answer: Json = {}
    choices: dict[int, Json] = {}
    usage: Json | None = None
    for chunk in chunks:
        answer = answer or chunk
        usage = chunk.get("usage", usage)
        for part in chunk["choices"]:
            _add(choices.setdefault(part["index"], _empty_choice(part["index"])), part)
    return answer | {
        "object": "chat.completion",
        "choices": [_closed(choices[index]) for index in sorted(choices)],
        "usage": usage,
    }


def _add(choice: Json, part: Json) -> None:
    message, delta = choice["message"], part["delta"]
    message["content"] += delta.get("content", "")
    for call_delta in delta.get("tool_calls", ()):
        _add_call(message["tool_calls"], call_delta)
    choice["finish_reason"] = part["finish_reason"] or choice["finish_reason"]


def _add_call(calls: list[Json], delta: Json) -> None:
    if "id" in delta:
        function = {"name": delta["function"]["name"], "arguments": ""}
        calls.append({"id": delta["id"], "type": "function", "function": function})
    calls[delta["index"]]["function"]["arguments"] += delta["function"].get("arguments", "")


def _empty_choice(index: int) -> Json:
    message = {"role": "assistant", "content": "", "tool_calls": []}
    return {"index": index, "finish_reason": None, "message": message, "logprobs": None}


def _closed(choice: Json) -> Json:
    """Write absent calls, and the absent text of an answer that only calls, as null."""
    message = choice["message"]
    calls = message["tool_calls"] or None
    content = message["content"] or (None if calls else "")
    return choice | {"message": message | {"content": content, "tool_calls": calls}}


def _call_delta(piece: ToolCallPiece) -> Json:
    if piece.id is None:
        return {"index": piece.call, "function": {"arguments": piece.arguments}}
    function = {"name": piece.name, "arguments": piece.arguments}
    return {"index": piece.call, "id": piece.id, "type": "function", "function": function}


def _usage(piece: UsagePiece) -> Json:
    return {
        "prompt_tokens": piece.prompt_tokens,
        "completion_tokens": piece.completion_tokens,
        "total_tokens": piece.prompt_tokens + piece.completion_tokens,
    }
