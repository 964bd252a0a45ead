"""Which chunks of a streamed response are handed out, and when. Sans-I/O.

Where a tool call is required, chunks are held back until one has begun. The chunk that would end a
response not to act on is never handed out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from grayswan_core.completion.answer_check import check_answer
from grayswan_core.completion.required_tool import Rounds
from grayswan_core.decoding.accumulate import Accumulator
from grayswan_core.wire import Chunk, ChunkChoice, Usage, UsageDelta

__all__ = ["StreamReview"]


class StreamReview:
    """The review (`chunk_stream.Review`) of one round's stream.

    Args:
        rounds: The call it belongs to.
    """

    def __init__(self, rounds: Rounds) -> None:
        self._rounds = rounds
        self._call = rounds.call
        self._held: list[Chunk] = []
        self._open = not rounds.call.tool_required

    def sieve(self, choice: ChunkChoice) -> None:
        """Take second and later calls out, where one is wanted."""
        if not self._call.parallel_tool_calls:
            _drop_later_calls(choice)

    def admit(self, chunk: Chunk, answer: Accumulator) -> Sequence[Chunk]:
        """The chunks that may be handed out now.

        Raises:
            APIError: the response has ended, and is not one to act on (`answer_check`).
        """
        choices = chunk.get("choices", ())
        admitted = self._released(chunk, answer)
        if self._open and any(choice.get("finish_reason") for choice in choices):
            self._check(answer)
        if usage := chunk.get("usage"):
            total = self._rounds.total(Usage.model_validate(usage))
            chunk["usage"] = cast("UsageDelta", total and total.model_dump())
        return admitted

    def end(self, answer: Accumulator) -> None:
        """Judge the response at its end.

        Raises:
            ToolCallMissingError: no tool was called, and this was the last round.
            APIError: the response is not one to act on (`answer_check`).
        """
        if self._open:
            self._rounds.finish()
            if not answer.finished():  # or it was judged when it finished
                self._check(answer)
        elif response := answer.response():
            self._rounds.correct(response)

    def _released(self, chunk: Chunk, answer: Accumulator) -> Sequence[Chunk]:
        if self._open:
            return (chunk,)
        self._held.append(chunk)
        # Text alone settles nothing, and adding it all up at each chunk would be quadratic.
        if not any(map(_may_settle, chunk.get("choices", ()))):
            return ()
        response = answer.response()
        self._open = response is not None and self._rounds.settled_by(response)
        return self._held if self._open else ()

    def _check(self, answer: Accumulator) -> None:
        if response := answer.response():
            refusals = self._call.raise_on_content_filter
            check_answer(response, raise_on_content_filter=refusals)


def _drop_later_calls(choice: ChunkChoice) -> None:
    delta = choice.get("delta", {})
    if calls := delta.get("tool_calls"):
        delta["tool_calls"] = [call for call in calls if call.get("index", 0) == 0]


def _may_settle(choice: ChunkChoice) -> bool:
    return bool(choice.get("finish_reason") or choice.get("delta", {}).get("tool_calls"))
