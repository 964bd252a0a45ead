"""Which chunks of a streamed response are handed out, and when. Sans-I/O.

Where a tool call is required, chunks are held back until the response has ended with one: what has
been handed out cannot be asked for again. The chunk that would end a response not to act on is
never handed out, and the stream is read to its end, where its usage stands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import cast

from grayswan_core.completion.answer_check import check_answer, has_open_call
from grayswan_core.completion.required_tool import Rounds
from grayswan_core.completion.single_call import SingleCall
from grayswan_core.decoding.accumulate import Accumulator
from grayswan_core.errors import APIError
from grayswan_core.wire import ChatResponse, Chunk, ChunkChoice, Usage, UsageDelta

__all__ = ["StreamReview"]


class StreamReview:
    """The review (`chunk_stream.Review`) of one round's stream.

    Args:
        rounds: The call it belongs to.
    """

    def __init__(self, rounds: Rounds) -> None:
        self._rounds = rounds
        self._call = rounds.call
        self.clear()

    def clear(self) -> None:
        """Forget all chunks, as when a try begins anew."""
        self._held: list[Chunk] = []
        self._open = not self._call.tool_required
        self._has_problem = False
        self._has_usage = False
        self._withheld: dict[int, str] = {}
        self._single_calls = defaultdict[int, SingleCall](
            lambda: SingleCall(self._rounds.tool_names)
        )

    def sieve(self, choice: ChunkChoice) -> None:
        """Take all calls but one out, where one is wanted."""
        if not self._call.parallel_tool_calls:
            self._single_calls[choice.get("index", 0)].sift(choice)

    def admit(self, chunk: Chunk, answer: Accumulator) -> Sequence[Chunk]:
        """The chunks that may be handed out now."""
        if usage := chunk.get("usage"):
            self._has_usage = True
            self._put_total(chunk, Usage.model_validate(usage))
        is_last = any(choice.get("finish_reason") for choice in chunk.get("choices", ()))
        if is_last:
            self._held += self._spare_calls(answer)
            if response := answer.response():
                self._judge(response)
                self._withhold(chunk, response)
        self._held.append(chunk)
        return self._released()

    def end(self, answer: Accumulator) -> Sequence[Chunk]:
        """Judge the response at its end; the chunks that may be handed out now.

        Raises:
            ToolCallMissingError: no tool was called, and this was the last round.
            APIError: the response is not one to act on (`answer_check`).
        """
        self._held += self._spare_calls(answer)
        was_good = self._open and not self._has_problem and answer.finished()
        if not was_good and (response := answer.response()):
            self._judge(response)
            if not self._open:
                self._rounds.correct(response)
                return ()
            self._check(response)
        self._rounds.finish()
        return [*self._released(), *self._last(), *([] if self._has_usage else self._spent())]

    def _withhold(self, chunk: Chunk, response: ChatResponse) -> None:
        """Hold a finish reason back while a tool call of its choice may still go on.

        An API that repeats the finish reason in every chunk says it with the first piece of the
        arguments, and the frameworks would take them for whole.
        """
        whole = {
            choice.index for choice in response.choices if self._open and not has_open_call(choice)
        }
        for choice in chunk.get("choices", ()):
            index, reason = choice.get("index", 0), choice.get("finish_reason")
            if reason and index in whole:
                self._withheld.pop(index, None)
            elif reason:
                self._withheld[index] = reason
                choice["finish_reason"] = None

    def _last(self) -> Sequence[Chunk]:
        """The finish reasons that were held back until the end."""
        choices: list[ChunkChoice] = [
            {"index": index, "delta": {}, "finish_reason": reason}
            for index, reason in self._withheld.items()
        ]
        return (Chunk(choices=choices),) if choices else ()

    def _judge(self, response: ChatResponse) -> None:
        """Whether the response so far makes the call that is required, and may be acted on."""
        self._open = self._open or self._rounds.settled_by(response)
        try:
            self._check(response)
            self._has_problem = False
        except APIError:
            self._has_problem = self._open

    def _released(self) -> Sequence[Chunk]:
        """The chunks held back, if nothing speaks against the response so far."""
        if not self._open or self._has_problem:
            return ()
        held, self._held = self._held, []
        return held

    def _spare_calls(self, answer: Accumulator) -> Sequence[Chunk]:
        """The calls of tools that are not on offer, where they are all there is."""
        choices: list[ChunkChoice] = [
            {"index": index, "delta": {"tool_calls": calls}}
            for index, single in self._single_calls.items()
            if (calls := single.spare())
        ]
        if not choices:
            return ()
        chunk = Chunk(choices=choices)
        answer.put_back(chunk)
        return (chunk,)

    def _spent(self) -> Sequence[Chunk]:
        """The usage of the rounds before, where the last one's stream has none."""
        chunk = Chunk(choices=[])
        self._put_total(chunk, None)
        return (chunk,) if chunk.get("usage") else ()

    def _put_total(self, chunk: Chunk, usage: Usage | None) -> None:
        total = self._rounds.total(usage)
        chunk["usage"] = cast("UsageDelta", total and total.model_dump())

    def _check(self, response: ChatResponse) -> None:
        whole = response.model_copy(update={"usage": self._rounds.total(response.usage)})
        check_answer(whole, raise_on_content_filter=self._call.raise_on_content_filter)
