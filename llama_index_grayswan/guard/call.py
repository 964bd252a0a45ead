"""One call of a protected LLM: what of the response is handed out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from llama_index.core.base.llms.types import ChatMessage

from grayswan_core import Judgement
from grayswan_core.cygnal.call import AsyncInputReview, InputBlockedError, InputReview
from grayswan_core.cygnal.check import Check
from grayswan_core.cygnal.protection import Protection
from grayswan_core.decoding.tool_calls import parse_arguments, past_call
from grayswan_core.wire import MonitorMessage, ToolCall
from llama_index_grayswan.guard.answering import (
    Holdback,
    answer_check,
    message_of,
    noted,
    refusal,
    violation_error,
)
from llama_index_grayswan.guard.events import arun_checks, run_checks
from llama_index_grayswan.guard.reading import DIALECT, made_calls

__all__ = ["AsyncGuardedCall", "GuardedCall"]

_NOT_JUDGED: dict[str, Any] = {"blocked": False, "reasons": []}


class _Answers:
    """What becomes of responses; sync and async have it in common."""

    protection: Protection
    context: list[MonitorMessage]
    kind: type[Any]

    def blocks(self, judgement: Judgement | None) -> bool:
        raise NotImplementedError

    def _check(self, response: Any) -> Check | None:
        return answer_check(self.protection, message_of(response), self.context)

    def _taken(self, response: Any, judgement: Judgement | None) -> Any:
        if judgement is not None and self.blocks(judgement):
            return self._refusal(judgement, response)
        self.protection.guard.approve(map(_anonymous, made_calls(message_of(response))))
        return noted(response, judgement.report() if judgement else _NOT_JUDGED)

    def _rest(self, hold: Holdback, judgement: Judgement | None) -> list[Any]:
        """The responses that end a stream."""
        if judgement is not None and self.blocks(judgement):
            return [self._refused_stream(hold, judgement)]
        rest = hold.release_all()
        if rest:
            rest[-1] = self._taken(rest[-1], judgement)
        return rest

    def _refused_stream(self, hold: Holdback, judgement: Judgement) -> Any:
        return self._refusal(judgement, hold.last, hold.released)

    def _refusal(self, judgement: Judgement, response: Any, released: str = "") -> Any:
        if self.protection.raises or self.protection.exit_behavior == "error":
            raise violation_error(self.protection, judgement)
        return refusal(self.protection, judgement, self.kind, response, released=released)

    def refused(self, blocked: InputBlockedError) -> Any:
        """The response where the input is blocked."""
        return self._refusal(blocked.judgement, None)


class GuardedCall(_Answers, InputReview[ChatMessage]):
    """A sync call.

    Args:
        protection: What is judged.
        messages: The conversation.
        kind: The class of the response.
    """

    blocks = InputReview.blocks

    def __init__(
        self, protection: Protection, messages: Sequence[ChatMessage], kind: type[Any]
    ) -> None:
        run = partial(run_checks, guard=protection.guard)
        super().__init__(protection, messages, DIALECT, run)
        self.kind = kind

    def judged(self, response: Any) -> Any:
        """The response as it may be handed out."""
        self.wait()
        return self._taken(response, self.run(self._check(response)))

    def stream(self, responses: Iterator[Any]) -> Generator[Any, None, None]:
        """The responses of a stream as they may be handed out."""
        hold = Holdback(self.protection, self.context)
        for response in self.watch(responses):
            check = hold.add(response)
            if not self.protection.blocks:
                yield from hold.release_all()
            if check is None:
                continue
            self.wait()
            judgement = self.run(check)
            if judgement is not None and self.blocks(judgement):
                yield self._refused_stream(hold, judgement)
                return
            yield from hold.release()
        self.wait()
        judgement = self.run(hold.end())
        yield from self._rest(hold, judgement)


class AsyncGuardedCall(_Answers, AsyncInputReview[ChatMessage]):
    """`GuardedCall`, async."""

    blocks = AsyncInputReview.blocks

    def __init__(
        self, protection: Protection, messages: Sequence[ChatMessage], kind: type[Any]
    ) -> None:
        run = partial(arun_checks, guard=protection.guard)
        super().__init__(protection, messages, DIALECT, run)
        self.kind = kind

    async def judged(self, response: Any) -> Any:
        """The response as it may be handed out."""
        await self.wait()
        return self._taken(response, await self.run(self._check(response)))

    async def stream(self, responses: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
        """The responses of a stream as they may be handed out."""
        hold = Holdback(self.protection, self.context)
        async for response in self.watch(responses):
            check = hold.add(response)
            if not self.protection.blocks:
                for released in hold.release_all():
                    yield released
            if check is None:
                continue
            await self.wait()
            judgement = await self.run(check)
            if judgement is not None and self.blocks(judgement):
                yield self._refused_stream(hold, judgement)
                return
            for released in hold.release():
                yield released
        await self.wait()
        judgement = await self.run(hold.end())
        for rest in self._rest(hold, judgement):
            yield rest


def _anonymous(call: ToolCall) -> ToolCall:
    """A call as a tool knows it: with its arguments, and without an ID."""
    text = call.function.arguments
    with suppress(ValueError):
        return past_call(None, call.function.name, parse_arguments(text))
    return past_call(None, call.function.name, text)
