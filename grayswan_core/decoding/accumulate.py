"""Chunks of a stream to the response they make up. Sans-I/O; one for sync, async and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from grayswan_core.decoding.tool_calls import CallIndexer, CallSoFar, ToolCallAssembler
from grayswan_core.wire import (
    ChatResponse,
    Choice,
    Chunk,
    ChunkChoice,
    ResponseMessage,
    Usage,
    UsageDelta,
)

__all__ = ["Accumulator", "Sieve"]

Sieve: TypeAlias = Callable[[ChunkChoice], None]


class _ChoiceParts:
    def __init__(self) -> None:
        self.content: list[str] = []
        self.refusal: list[str] = []
        self.tool_calls = ToolCallAssembler()
        self._indexer: CallIndexer | None = None
        self.finish_reason: str | None = None
        self.resumed = False

    def add(self, choice: ChunkChoice, sieve: Sieve | None) -> None:
        delta = choice.get("delta") or {}
        if self.finish_reason and not self.resumed:
            self.resumed = any(map(delta.get, ("content", "tool_calls", "refusal")))
        if content := delta.get("content"):
            self.content.append(content)
        if calls := delta.get("tool_calls"):
            self._indexer = self._indexer or CallIndexer()
            delta["tool_calls"] = self._indexer.complete(calls)
            if sieve is not None:
                sieve(choice)
            for call in delta.get("tool_calls") or ():
                self.tool_calls.add(call)
        if refusal := delta.get("refusal"):
            self.refusal.append(refusal)
        if finish_reason := choice.get("finish_reason"):
            self.finish_reason = finish_reason

    def whole(self, index: int) -> Choice:
        message = ResponseMessage(
            content="".join(self.content),
            tool_calls=self.tool_calls.responses() or None,
            refusal="".join(self.refusal) or None,
        )
        return Choice(index=index, finish_reason=self.finish_reason, message=message)


class Accumulator:
    """Adds up chunks; `response()` is the response so far, whole or not."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all chunks, as when the request is sent again."""
        self._choices: dict[int, _ChoiceParts] = {}
        self._head: Chunk | None = None
        self._usage: UsageDelta | None = None

    def add(self, chunk: Chunk, sieve: Sieve | None = None) -> None:
        """Take one chunk in. Its tool calls are given their `index` and `id`, one delta each.

        Args:
            chunk: The chunk.
            sieve: Takes calls that are not wanted out of a choice that has some, before they are
                added up.
        """
        if self._head is None:
            self._head = chunk
        self._usage = chunk.get("usage") or self._usage
        for choice in chunk.get("choices", ()):
            index = choice.get("index", 0)
            parts = self._choices.get(index)
            if parts is None:
                parts = self._choices[index] = _ChoiceParts()
            parts.add(choice, sieve)

    def put_back(self, chunk: Chunk) -> None:
        """Take in calls that a sieve took out of earlier chunks."""
        for choice in chunk.get("choices", ()):
            for call in choice["delta"].get("tool_calls") or ():
                self._choices[choice.get("index", 0)].tool_calls.add(call)

    @property
    def has_choices(self) -> bool:
        """Whether any part of a choice has come."""
        return bool(self._choices)

    @property
    def resumed(self) -> bool:
        """Whether a choice went on after its finish reason, so that this says nothing."""
        return any(parts.resumed for parts in self._choices.values())

    def finished(self, expected_choices: int = 1) -> bool:
        """Whether every choice ended with its finish reason, of those begun and those expected."""
        for parts in self._choices.values():
            if not parts.finish_reason or parts.resumed:
                return False
        return len(self._choices) >= expected_choices

    def calls(self) -> list[CallSoFar]:
        """The tool calls of the first choice so far."""
        if not self._choices:
            return []
        return self._choices[min(self._choices)].tool_calls.calls()

    def response(self) -> ChatResponse | None:
        """The response so far, or None when no part of a choice has come."""
        if self._head is None or not self._choices:
            return None
        head = self._head
        return ChatResponse(
            id=head.get("id", ""),
            created=head.get("created", 0),
            model=head.get("model", ""),
            system_fingerprint=head.get("system_fingerprint"),
            request_id=head.get("request_id"),
            choices=[self._choices[index].whole(index) for index in sorted(self._choices)],
            usage=None if self._usage is None else Usage.model_validate(self._usage),
        )
