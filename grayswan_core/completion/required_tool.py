"""A tool call that must come, where the service can only be asked kindly. Pure.

The service can be made to call one tool by name, but not "some tool of these". So the answer is
looked at, and asked for again with a word of correction when no tool on offer was called.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from grayswan_core.decoding.accumulate import Accumulator
from grayswan_core.errors import ToolCallMissingError
from grayswan_core.wire import (
    REFUSALS,
    ChatRequest,
    ChatResponse,
    Chunk,
    ChunkChoice,
    Message,
    Usage,
    UsageDelta,
)

__all__ = ["MAX_CORRECTIONS", "RequiredTool", "StreamGate"]

MAX_CORRECTIONS = 2
"""How often an answer without a tool call is asked for again."""


class RequiredTool:
    """Judges answers to a request that must call a tool, and makes the next request."""

    def __init__(self, request: ChatRequest) -> None:
        self.request = request
        self._names = [tool.function.name for tool in request.tools or ()]
        self._corrections = 0
        self._spent = Usage()

    def settles(self, answer: ChatResponse) -> bool:
        """Whether the answer stands: every choice calls a tool on offer, or is a refusal."""
        return all(
            choice.finish_reason in REFUSALS
            or any(call.function.name in self._names for call in choice.message.tool_calls or ())
            for choice in answer.choices
        )

    def correct(self, answer: ChatResponse) -> None:
        """Turn `request` into the one that asks again.

        Raises:
            ToolCallMissingError: it was asked often enough, or the answer was cut for length,
                which asking again does not mend.
        """
        finish = answer.choices[0].finish_reason
        if self._corrections == MAX_CORRECTIONS or finish == "length":
            raise ToolCallMissingError(
                f"The model called none of the tools {self._names} although a call was required"
                f" (asked {self._corrections + 1} times, finish reason {finish!r})."
                " What it said instead is on this error's `partial`.",
                partial=answer,
            )
        self._corrections += 1
        if answer.usage is not None:
            self._spent = self.total(answer.usage)
        said = answer.choices[0].message.content
        correction = Message(
            role="system",
            content=f"Answer with a call of one of these tools, not in text: {self._names}.",
        )
        said_before = [Message(role="assistant", content=said)] if said else []
        messages = [*self.request.messages, *said_before, correction]
        self.request = self.request.model_copy(update={"messages": messages})

    def total(self, usage: Usage) -> Usage:
        """The usage of an answer together with that of the answers not handed out."""
        spent = self._spent
        return usage.model_copy(
            update={
                "prompt_tokens": usage.prompt_tokens + spent.prompt_tokens,
                "completion_tokens": usage.completion_tokens + spent.completion_tokens,
                "total_tokens": usage.total_tokens + spent.total_tokens,
            }
        )


class StreamGate:
    """Holds the chunks of one try back until it is certain that they are handed out."""

    def __init__(self, required: RequiredTool) -> None:
        self._required = required
        self._answer = Accumulator()
        self._held: list[Chunk] = []
        self._open = False

    def admit(self, chunk: Chunk) -> Sequence[Chunk]:
        """The chunks that may be handed out now that this one has come."""
        if usage := chunk.get("usage"):
            total = self._required.total(Usage.model_validate(usage))
            chunk["usage"] = cast("UsageDelta", total.model_dump())
        if self._open:
            return (chunk,)
        self._answer.add(chunk)
        self._held.append(chunk)
        # Text alone settles nothing, and adding it all up for each chunk costs with its square.
        if not any(map(_may_settle, chunk.get("choices", ()))):
            return ()
        answer = self._answer.response()
        if answer is None or not self._required.settles(answer):
            return ()
        self._open = True
        return self._held

    def close(self) -> bool:
        """At the try's end: whether its answer was handed out.

        Raises:
            ToolCallMissingError: it was not, and there is no other try.
        """
        answer = self._answer.response()
        if not self._open and answer is not None:
            self._required.correct(answer)
        return self._open or answer is None


def _may_settle(choice: ChunkChoice) -> bool:
    return bool(choice.get("finish_reason") or choice.get("delta", {}).get("tool_calls"))
