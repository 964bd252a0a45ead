"""One call of a protected model: what of the response is handed out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from functools import partial
from typing import Any

from langchain_core.callbacks.base import BaseCallbackManager
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from grayswan_core import Judgement
from grayswan_core.cygnal.call import AsyncInputReview, InputBlockedError, InputReview
from grayswan_core.cygnal.check import Check
from grayswan_core.cygnal.protection import Protection
from grayswan_core.wire import MonitorMessage
from langchain_grayswan.guard.answering import Holdback, answer_check, approve_calls
from langchain_grayswan.guard.checks import arun_checks, run_checks
from langchain_grayswan.guard.reading import DIALECT
from langchain_grayswan.guard.refusing import refusal, refusal_chunk, stamped, violation_error

__all__ = ["AsyncGuardedCall", "GuardedCall"]

_NOT_JUDGED: dict[str, Any] = {"blocked": False, "reasons": []}

# Of a model's output beside its messages, when one of them is blocked.
_KEPT_OUTPUT = ("model_name", "token_usage")


class _Answers:
    """What becomes of responses; sync and async have it in common."""

    protection: Protection
    context: list[MonitorMessage]
    replaced: bool

    def blocks(self, judgement: Judgement | None) -> bool:
        raise NotImplementedError

    def _checks(self, result: ChatResult) -> list[Check | None]:
        return [
            answer_check(self.protection, generation.message, self.context)
            if isinstance(generation.message, AIMessage)
            else None
            for generation in result.generations
        ]

    def _take(self, result: ChatResult, judgements: Sequence[Judgement | None]) -> ChatResult:
        pairs = zip(result.generations, judgements, strict=True)
        generations = [self._judged(*pair) for pair in pairs]
        output = result.llm_output or {}
        if any(map(self.blocks, judgements)):
            output = {name: output[name] for name in _KEPT_OUTPUT if name in output}
        return ChatResult(generations=generations, llm_output=output)

    def _judged(self, generation: ChatGeneration, judgement: Judgement | None) -> ChatGeneration:
        answer = generation.message
        known = answer if isinstance(answer, AIMessage) else None
        if judgement is not None and self.blocks(judgement):
            self._raise_where_asked(judgement, known)
            return ChatGeneration(message=refusal(self.protection, judgement, known))
        if known is not None:
            approve_calls(self.protection, known)
        stamped(generation, self._report(judgement))
        return generation

    def _report(self, judgement: Judgement | None) -> dict[str, Any]:
        report = judgement.report() if judgement else _NOT_JUDGED
        return {**report, "input_replaced": True} if self.replaced else report

    def _raise_where_asked(self, judgement: Judgement, answer: AIMessage | None = None) -> None:
        if self.protection.raises or self.protection.exit_behavior == "error":
            raise violation_error(self.protection, judgement, answer)

    def _refused_stream(self, hold: Holdback, judgement: Judgement) -> ChatGenerationChunk:
        self._raise_where_asked(judgement)
        return hold.refuse(judgement)

    def refused(self, blocked: InputBlockedError) -> ChatResult:
        """The response where the input is blocked."""
        self._raise_where_asked(blocked.judgement)
        message = refusal(self.protection, blocked.judgement, None)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def refused_chunk(self, blocked: InputBlockedError) -> ChatGenerationChunk:
        """`refused`, in a stream."""
        self._raise_where_asked(blocked.judgement)
        return refusal_chunk(self.protection, blocked.judgement, None)


class GuardedCall(_Answers, InputReview[BaseMessage]):
    """A sync call.

    Args:
        protection: What is judged.
        messages: The conversation.
        manager: Whose children the checks are.
    """

    blocks = InputReview.blocks

    def __init__(
        self,
        protection: Protection,
        messages: Sequence[BaseMessage],
        manager: BaseCallbackManager | None,
    ) -> None:
        run = partial(run_checks, protection.guard, manager=manager)
        super().__init__(protection, messages, DIALECT, run)

    def judged(self, result: ChatResult) -> ChatResult:
        """The result as it may be handed out."""
        self.wait()
        return self._take(result, [self.run(check) for check in self._checks(result)])

    def stream(self, chunks: Iterator[ChatGenerationChunk]) -> Iterator[ChatGenerationChunk]:
        """The chunks as they may be handed out."""
        hold = Holdback(self.protection, self.context)
        for chunk in self.watch(chunks):
            check = hold.add(chunk)
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
        if judgement is not None and self.blocks(judgement):
            yield self._refused_stream(hold, judgement)
        else:
            yield from hold.finish(self._report(judgement))


class AsyncGuardedCall(_Answers, AsyncInputReview[BaseMessage]):
    """`GuardedCall`, async."""

    blocks = AsyncInputReview.blocks

    def __init__(
        self,
        protection: Protection,
        messages: Sequence[BaseMessage],
        manager: BaseCallbackManager | None,
    ) -> None:
        run = partial(arun_checks, protection.guard, manager=manager)
        super().__init__(protection, messages, DIALECT, run)

    async def judged(self, result: ChatResult) -> ChatResult:
        """The result as it may be handed out."""
        await self.wait()
        return self._take(result, [await self.run(check) for check in self._checks(result)])

    async def stream(
        self, chunks: AsyncIterator[ChatGenerationChunk]
    ) -> AsyncGenerator[ChatGenerationChunk, None]:
        """The chunks as they may be handed out."""
        hold = Holdback(self.protection, self.context)
        async for chunk in self.watch(chunks):
            check = hold.add(chunk)
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
        if judgement is not None and self.blocks(judgement):
            yield self._refused_stream(hold, judgement)
            return
        for released in hold.finish(self._report(judgement)):
            yield released
