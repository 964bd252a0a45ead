"""One call of a protected model: what is sent, and what of the response is handed out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Sequence
from typing import Any

from langchain_core.callbacks.base import BaseCallbackManager
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from grayswan_core import Judgement
from grayswan_core.wire import MonitorMessage
from langchain_grayswan.guard.answering import Holdback, answer_check, approve_calls
from langchain_grayswan.guard.checks import Check, arun_checks, run_checks
from langchain_grayswan.guard.history import Prepared, prepare
from langchain_grayswan.guard.protection import Protection
from langchain_grayswan.guard.racing import AsyncRace, Race
from langchain_grayswan.guard.reading import read_all
from langchain_grayswan.guard.refusing import (
    placeholder,
    refusal,
    refusal_chunk,
    stamped,
    violation_error,
)

__all__ = ["AsyncGuardedCall", "GuardedCall", "InputBlockedError"]

_Plan = Generator[list[Check], list[Judgement], Prepared]

_NOT_JUDGED: dict[str, Any] = {"blocked": False, "reasons": []}


class InputBlockedError(Exception):
    """The input is blocked, so there is no response; caught by the hooks of the model."""

    def __init__(self, judgement: Judgement) -> None:
        super().__init__(judgement.stage)
        self.judgement = judgement


class _Call:
    """What sync and async have in common.

    Args:
        protection: What is judged.
        messages: The conversation.
        manager: Whose children the checks are.
    """

    def __init__(
        self,
        protection: Protection,
        messages: Sequence[BaseMessage],
        manager: BaseCallbackManager | None,
    ) -> None:
        self._protection = protection
        self._messages = messages
        self._manager = manager
        self._prepared = Prepared()
        self._replaced = False
        self.sent: list[BaseMessage] = []

    @property
    def _races(self) -> bool:
        """Whether the input is judged while the model answers; to replace it, it must be before."""
        return self._protection.mode == "parallel" and self._protection.exit_behavior != "replace"

    def _take_prepared(self, prepared: Prepared) -> Check | None:
        self._prepared = prepared
        self.sent = prepared.messages
        return prepared.check

    def _take_input(self, judgement: Judgement) -> None:
        if not self._blocks(judgement):
            return
        if self._protection.exit_behavior != "replace":
            raise InputBlockedError(judgement)
        replaced = placeholder(self._prepared.messages[self._prepared.newest][-1])
        self.sent = self._prepared.with_input_replaced([replaced])
        self._replaced = True

    def _blocks(self, judgement: Judgement | None) -> bool:
        return judgement is not None and judgement.blocked and self._protection.blocks

    def _context(self) -> list[MonitorMessage]:
        prepared = self._prepared
        return prepared.context if self.sent is prepared.messages else read_all(self.sent)

    def _answer_checks(self, result: ChatResult) -> list[Check | None]:
        context = self._context()
        return [
            answer_check(self._protection, generation.message, context)
            if isinstance(generation.message, AIMessage)
            else None
            for generation in result.generations
        ]

    def _take_answers(
        self, result: ChatResult, judgements: Sequence[Judgement | None]
    ) -> ChatResult:
        pairs = zip(result.generations, judgements, strict=True)
        generations = [self._judged(*pair) for pair in pairs]
        output = result.llm_output or {}
        if any(map(self._blocks, judgements)):
            output = {name: output[name] for name in _KEPT_OUTPUT if name in output}
        return ChatResult(generations=generations, llm_output=output)

    def _judged(self, generation: ChatGeneration, judgement: Judgement | None) -> ChatGeneration:
        answer = generation.message
        if judgement is not None and self._blocks(judgement):
            known = answer if isinstance(answer, AIMessage) else None
            return ChatGeneration(message=self._refusal(judgement, known))
        if isinstance(answer, AIMessage):
            approve_calls(self._protection, answer)
        stamped(generation, self._report(judgement))
        return generation

    def _report(self, judgement: Judgement | None) -> dict[str, Any]:
        report = judgement.report() if judgement else _NOT_JUDGED
        return {**report, "input_replaced": True} if self._replaced else report

    def _refusal(self, judgement: Judgement, answer: AIMessage | None = None) -> AIMessage:
        self._raise_where_asked(judgement, answer)
        return refusal(self._protection, judgement, answer)

    def _raise_where_asked(self, judgement: Judgement, answer: AIMessage | None = None) -> None:
        if self._protection.raises or self._protection.exit_behavior == "error":
            raise violation_error(self._protection, judgement, answer)

    def refused(self, blocked: InputBlockedError) -> ChatResult:
        """The response where the input is blocked."""
        message = self._refusal(blocked.judgement)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def refused_chunk(self, blocked: InputBlockedError) -> ChatGenerationChunk:
        """`refused`, in a stream."""
        self._raise_where_asked(blocked.judgement)
        return refusal_chunk(self._protection, blocked.judgement, None)

    def _refused_stream(self, hold: Holdback, judgement: Judgement) -> ChatGenerationChunk:
        self._raise_where_asked(judgement)
        return hold.refuse(judgement)


# Of a model's output beside its messages, when one of them is blocked.
_KEPT_OUTPUT = ("model_name", "token_usage")


class GuardedCall(_Call):
    """A sync call."""

    _race: Race | None = None

    def open(self) -> None:
        """Judge what comes before the call.

        Raises:
            InputBlockedError: the input is blocked.
        """
        check = self._take_prepared(self._drive(prepare(self._protection, self._messages)))
        if check is None:
            return
        if self._races:
            self._race = Race(lambda: self._judge_input(check))
        else:
            self._judge_input(check)

    def judged(self, result: ChatResult) -> ChatResult:
        """The result as it may be handed out."""
        self._wait()
        return self._take_answers(result, [self._run(c) for c in self._answer_checks(result)])

    def stream(self, chunks: Iterator[ChatGenerationChunk]) -> Iterator[ChatGenerationChunk]:
        """The chunks as they may be handed out."""
        hold = Holdback(self._protection, self._context())
        for chunk in self._race.watch(chunks) if self._race else chunks:
            check = hold.add(chunk)
            if not self._protection.blocks:
                yield from hold.release_all()
            if check is None:
                continue
            self._wait()
            judgement = self._run(check)
            if judgement is not None and self._blocks(judgement):
                yield self._refused_stream(hold, judgement)
                return
            yield from hold.release()
        self._wait()
        judgement = self._run(hold.end())
        if judgement is not None and self._blocks(judgement):
            yield self._refused_stream(hold, judgement)
        else:
            yield from hold.finish(self._report(judgement))

    def _drive(self, plan: _Plan) -> Prepared:
        judgements: list[Judgement] | None = None
        while True:
            try:
                checks = plan.send(judgements)  # type: ignore[arg-type]
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            judgements = run_checks(self._protection.guard, checks, self._manager)

    def _judge_input(self, check: Check) -> None:
        (judgement,) = run_checks(self._protection.guard, [check], self._manager)
        self._take_input(judgement)

    def _run(self, check: Check | None) -> Judgement | None:
        if check is None:
            return None
        return run_checks(self._protection.guard, [check], self._manager)[0]

    def _wait(self) -> None:
        if self._race is not None:
            self._race.wait()


class AsyncGuardedCall(_Call):
    """An async call; it differs in its I/O, and in that a bad verdict cuts the model off."""

    _race: AsyncRace | None = None

    async def open(self) -> None:
        """Judge what comes before the call.

        Raises:
            InputBlockedError: the input is blocked.
        """
        check = self._take_prepared(await self._drive(prepare(self._protection, self._messages)))
        if check is None:
            return
        if self._races:
            self._race = AsyncRace(self._judge_input(check))
        else:
            await self._judge_input(check)

    async def answer(self, result: Any) -> ChatResult:
        """The outcome of a coroutine, unless the input is blocked meanwhile."""
        return await (result if self._race is None else self._race.first(result))

    async def judged(self, result: ChatResult) -> ChatResult:
        """The result as it may be handed out."""
        await self._wait()
        return self._take_answers(
            result, [await self._run(check) for check in self._answer_checks(result)]
        )

    async def stream(
        self, chunks: AsyncIterator[ChatGenerationChunk]
    ) -> AsyncGenerator[ChatGenerationChunk, None]:
        """The chunks as they may be handed out."""
        hold = Holdback(self._protection, self._context())
        async for chunk in self._race.watch(chunks) if self._race else chunks:
            check = hold.add(chunk)
            if not self._protection.blocks:
                for released in hold.release_all():
                    yield released
            if check is None:
                continue
            await self._wait()
            judgement = await self._run(check)
            if judgement is not None and self._blocks(judgement):
                yield self._refused_stream(hold, judgement)
                return
            for released in hold.release():
                yield released
        await self._wait()
        judgement = await self._run(hold.end())
        if judgement is not None and self._blocks(judgement):
            yield self._refused_stream(hold, judgement)
            return
        for released in hold.finish(self._report(judgement)):
            yield released

    async def aclose(self) -> None:
        """Stop judging the input, where nobody waits for the verdict any more."""
        if self._race is not None:
            await self._race.aclose()

    async def _drive(self, plan: _Plan) -> Prepared:
        judgements: list[Judgement] | None = None
        while True:
            try:
                checks = plan.send(judgements)  # type: ignore[arg-type]
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            judgements = await arun_checks(self._protection.guard, checks, self._manager)

    async def _judge_input(self, check: Check) -> None:
        (judgement,) = await arun_checks(self._protection.guard, [check], self._manager)
        self._take_input(judgement)

    async def _run(self, check: Check | None) -> Judgement | None:
        if check is None:
            return None
        return (await arun_checks(self._protection.guard, [check], self._manager))[0]

    async def _wait(self) -> None:
        if self._race is not None:
            await self._race.wait()
