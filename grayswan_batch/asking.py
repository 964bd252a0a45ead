"""One row's way: permit, model, and what is written down of the outcome. Used by every engine.

Whether to ask again is decided here for what the model itself does not try again: a 429 is about
the key and not about the row, so it is waited out; other failures that may pass get two more tries.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from grayswan_batch.calls import RowCall, current_call, take_spare, waiting
from grayswan_batch.failures import failure_of, is_rate_limit, is_refused_key, may_pass
from grayswan_batch.limiter import Gate
from grayswan_batch.models import Answer, Model
from grayswan_batch.models.answer import plain
from grayswan_core.http.gate import gated

__all__ = ["Asker", "Outcome"]

_LIMITED_ROUNDS = 10
_ROUNDS = 3
_FIRST_DELAY = 1.0  # seconds, doubling, with full jitter


@dataclass(frozen=True)
class Outcome:
    """What became of a row.

    Attributes:
        record: What is written down of it.
        call: Its requests.
        answer: The answer; None if it failed.
        error: What it failed with.
    """

    record: dict[str, Any]
    call: RowCall
    answer: Answer | None = None
    error: BaseException | None = None


class Asker:
    """Asks a model, each request past a gate.

    Args:
        model: The model.
        gate: The limiter.
        clock: Seconds.
    """

    def __init__(
        self, model: Model, gate: Gate, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._model = model
        self._gate = gate
        self._clock = clock

    async def ask(self, prompt: Any, call: RowCall) -> Outcome:
        """Ask until there is an answer, or a failure that stands.

        Args:
            prompt: What the model is asked.
            call: Where the requests are counted.
        """
        token = current_call.set(call)
        try:
            with gated(self._gate):
                return await self._ask(prompt, call)
        finally:
            current_call.reset(token)

    async def _ask(self, prompt: Any, call: RowCall) -> Outcome:
        size = len(str(prompt))
        for number in itertools.count(1):
            tries = call.tries
            call.spare = await self._gate.aacquire(size)
            begun = self._clock()
            try:
                answer = await self._try(prompt, call)
            except BaseException as error:
                if _is_ours(error, call):
                    raise
                if not _again(number, error, call.tries - tries):
                    return self._failure(error, call, begun)
                if not is_rate_limit(error):
                    with waiting(call):
                        await asyncio.sleep(random.random() * _FIRST_DELAY * 2**number)  # noqa: S311
            else:
                return self._success(answer, call, begun)
        raise AssertionError  # the count has no end

    async def _try(self, prompt: Any, call: RowCall) -> Answer:
        """Ask the model once; the row's permit ends with it, unless the model took it."""
        try:
            answer = await self._model.ask(prompt)
        except BaseException as error:
            if (spare := take_spare(call)) is not None:
                spare.done(error)
            raise
        if (spare := take_spare(call)) is not None:
            spare.done(None)
        return answer

    def _success(self, answer: Answer, call: RowCall, begun: float) -> Outcome:
        if answer.usage.total is not None:
            self._gate.settle(call, answer.usage.total)
        record = {
            "answer": answer.value,
            "finish_reason": plain(answer.finish_reason),
            "input_tokens": answer.usage.input_tokens,
            "output_tokens": answer.usage.output_tokens,
            "request_id": answer.request_id,
            **self._effort(call, begun),
            **answer.more,
        }
        return Outcome(record, call, answer=answer)

    def _failure(self, error: BaseException, call: RowCall, begun: float) -> Outcome:
        return Outcome({**failure_of(error), **self._effort(call, begun)}, call, error=error)

    def _effort(self, call: RowCall, begun: float) -> dict[str, Any]:
        return {"attempts": call.tries, "latency": round(self._clock() - begun, 3)}


def _is_ours(error: BaseException, call: RowCall) -> bool:
    """Whether an error ends the run. All others are the row's, whatever their class.

    A library may cancel a call by itself, and a panic of one in Rust is no `Exception`.
    """
    if isinstance(error, asyncio.CancelledError):
        return call.given_up
    return isinstance(error, (KeyboardInterrupt, SystemExit))


def _again(number: int, error: BaseException, tries: int) -> bool:
    """Whether to ask again.

    Args:
        number: How many rounds there were.
        error: What the last one ended with.
        tries: How many requests it made: a model that made several tries again by itself.
    """
    if is_refused_key(error):
        return False
    if is_rate_limit(error):
        return number < _LIMITED_ROUNDS
    return number < _ROUNDS and tries <= 1 and may_pass(error)
