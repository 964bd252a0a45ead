"""One call of a protected model: what of its response is handed out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing, closing
from typing import Any, Generic, NamedTuple, TypeVar

from grayswan_core.cygnal.check import Check
from grayswan_core.cygnal.history import Dialect
from grayswan_core.cygnal.holdback import Holdback, answer_check, partial_check
from grayswan_core.cygnal.input_review import (
    AsyncInputReview,
    BaseReview,
    BlockedError,
    InputReview,
)
from grayswan_core.cygnal.protection import Protection
from grayswan_core.cygnal.verdict import Judgement
from grayswan_core.wire import MonitorMessage, ToolCall

__all__ = ["AsyncGuardedCall", "GuardedCall", "Outcome", "ResponseDialect"]

_M = TypeVar("_M")
_R = TypeVar("_R")
_C = TypeVar("_C")

_NOT_JUDGED: dict[str, Any] = {"blocked": False, "reasons": []}


class Outcome(NamedTuple):
    """What becomes of an answer.

    Attributes:
        blocked: Why it is blocked; None where it is not.
        report: What is noted on it where it is not.
    """

    blocked: Judgement | None
    report: Mapping[str, Any]


class ResponseDialect(ABC, Generic[_M, _R, _C]):
    """A framework's responses, whole and in chunks.

    Args:
        protection: What is judged.
        messages: The framework's messages.
    """

    def __init__(self, protection: Protection, messages: Dialect[_M]) -> None:
        self.protection = protection
        self.messages = messages

    @abstractmethod
    def answers(self, response: _R) -> Sequence[_M]:
        """What each answer in a response says."""

    @abstractmethod
    def take(self, response: _R, outcomes: Sequence[Outcome]) -> _R:
        """The response, with a refusal in place of each answer that is blocked."""

    @abstractmethod
    def refuse(self, judgement: Judgement) -> _R:
        """The response where the input is blocked."""

    @abstractmethod
    def refuse_chunk(self, judgement: Judgement) -> _C:
        """`refuse`, in a stream."""

    @abstractmethod
    def error(self, judgement: Judgement, answer: _M | None) -> Exception:
        """The error for something that is blocked; an answer in a stream is not given."""

    @abstractmethod
    def holdback(self, context: Sequence[MonitorMessage]) -> Holdback[_M, _C]:
        """Holds a stream back, after these messages."""

    def calls(self, answer: _M) -> list[ToolCall]:
        """The calls of an answer, as they are known where the tools are called."""
        return self.messages.made_calls(answer)


class _Outcomes(BaseReview[_M], Generic[_M, _R, _C]):
    """What becomes of responses; sync and async have it in common."""

    _responses: ResponseDialect[_M, _R, _C]

    def _checks(self, response: _R) -> list[Check | None]:
        return [
            answer_check(self.protection, answer, self.context, self._responses.messages)
            for answer in self._responses.answers(response)
        ]

    def _take(self, response: _R, judgements: Sequence[Judgement | None]) -> _R:
        pairs = zip(self._responses.answers(response), judgements, strict=True)
        return self._responses.take(response, [self._outcome(*pair) for pair in pairs])

    def _outcome(self, answer: _M, judgement: Judgement | None) -> Outcome:
        blocked = self.protection.blocking(judgement)
        if blocked is not None:
            self._raise_where_asked(blocked, answer)
        else:
            self._approve(answer, judgement)
        return Outcome(blocked, self._report(judgement))

    def _end(self, hold: Holdback[_M, _C], judgement: Judgement | None) -> list[_C]:
        """The chunks that end a stream."""
        blocked = self.protection.blocking(judgement)
        if blocked is not None:
            return [self._refusal_in(hold, blocked)]
        if not hold.is_empty:
            self._approve(hold.answer(), judgement)
        return hold.finish(self._report(judgement))

    def _refusal_in(self, hold: Holdback[_M, _C], blocked: Judgement) -> _C:
        self._raise_where_asked(blocked)
        return hold.refuse(blocked)

    def _refusal(self, blocked: Judgement) -> _R:
        self._raise_where_asked(blocked)
        return self._responses.refuse(blocked)

    def _refusal_chunk(self, blocked: Judgement) -> _C:
        self._raise_where_asked(blocked)
        return self._responses.refuse_chunk(blocked)

    def _raise_where_asked(self, blocked: Judgement, answer: _M | None = None) -> None:
        if self.protection.is_error:
            raise self._responses.error(blocked, answer)

    def _approve(self, answer: _M, judgement: Judgement | None) -> None:
        """Remember the calls of an answer, if they were judged and found harmless."""
        if judgement is not None and not judgement.blocked and self.protection.check_tool_calls:
            self.protection.guard.approve(self._responses.calls(answer))

    def _partial_check(self, error: Exception) -> Check | None:
        is_verdict = isinstance(error, BlockedError)
        return None if is_verdict else partial_check(self.protection, error, self.context)

    def _report(self, judgement: Judgement | None) -> dict[str, Any]:
        report = judgement.report() if judgement else _NOT_JUDGED
        return {**report, "input_replaced": True} if self.replaced else report


class GuardedCall(_Outcomes[_M, _R, _C], InputReview[_M]):
    """A sync call.

    Args:
        dialect: The framework's responses, and what is judged.
        messages: The conversation.
        run: Makes checks.
    """

    def __init__(
        self,
        dialect: ResponseDialect[_M, _R, _C],
        messages: Sequence[_M],
        run: Callable[[Sequence[Check]], list[Judgement]],
    ) -> None:
        super().__init__(dialect.protection, messages, dialect.messages, run)
        self._responses = dialect

    def respond(self, ask: Callable[[list[_M]], _R]) -> _R:
        """The response as it may be handed out.

        Args:
            ask: Calls the model.
        """
        try:
            self.open()
            response = self._response(ask)
            self.wait()
            checks = self._checks(response)
            return self._take(response, [self.run(check) for check in checks])
        except BlockedError as error:
            return self._refusal(error.judgement)

    def stream(self, ask: Callable[[list[_M]], Any]) -> Generator[_C, None, None]:
        """The chunks as they may be handed out.

        Args:
            ask: Calls the model, and gives a generator of chunks.
        """
        try:
            self.open()
            with closing(ask(self.sent)) as chunks:
                yield from self._released(chunks)
        except BlockedError as error:
            yield self._refusal_chunk(error.judgement)

    def _response(self, ask: Callable[[list[_M]], _R]) -> _R:
        try:
            return ask(self.sent)
        except Exception as error:
            if blocked := self._blocking(error):
                raise BlockedError(blocked) from None
            raise

    def _blocking(self, error: Exception) -> Judgement | None:
        """Why the model's error is not handed out, if what it holds of a response is blocked."""
        check = self._partial_check(error)
        if check is not None:
            self.wait()
        return self.protection.blocking(self.run(check))

    def _released(self, chunks: Iterator[_C]) -> Iterator[_C]:
        hold = self._responses.holdback(self.context)
        try:
            with closing(self._judged(chunks, hold)) as judged:
                yield from judged
        except Exception as error:
            blocked = self._blocking(error)
            if blocked is None:
                raise
        else:
            return
        yield self._refusal_in(hold, blocked)

    def _judged(self, chunks: Iterator[_C], hold: Holdback[_M, _C]) -> Generator[_C, None, None]:
        for chunk in self.watch(chunks):
            check = hold.add(chunk)
            if not self.protection.blocks:
                yield from hold.release_all()
            if check is None:
                continue
            self.wait()
            if blocked := self.protection.blocking(self.run(check)):
                yield self._refusal_in(hold, blocked)
                return
            yield from hold.release()
        self.wait()
        yield from self._end(hold, self.run(hold.end()))


class AsyncGuardedCall(_Outcomes[_M, _R, _C], AsyncInputReview[_M]):
    """`GuardedCall`, async."""

    def __init__(
        self,
        dialect: ResponseDialect[_M, _R, _C],
        messages: Sequence[_M],
        run: Callable[[Sequence[Check]], Awaitable[list[Judgement]]],
    ) -> None:
        super().__init__(dialect.protection, messages, dialect.messages, run)
        self._responses = dialect

    async def respond(self, ask: Callable[[list[_M]], Coroutine[Any, Any, _R]]) -> _R:
        """The response as it may be handed out.

        Args:
            ask: Calls the model.
        """
        async with aclosing(self):
            try:
                await self.open()
                response = await self._response(ask)
                await self.wait()
                checks = self._checks(response)
                return self._take(response, [await self.run(check) for check in checks])
            except BlockedError as error:
                return self._refusal(error.judgement)

    async def stream(self, ask: Callable[[list[_M]], Any]) -> AsyncGenerator[_C, None]:
        """The chunks as they may be handed out.

        Args:
            ask: Calls the model, and gives an async generator of chunks.
        """
        async with aclosing(self):
            try:
                await self.open()
                async with (
                    aclosing(ask(self.sent)) as chunks,
                    aclosing(self._released(chunks)) as released,
                ):
                    async for chunk in released:
                        yield chunk
            except BlockedError as error:
                yield self._refusal_chunk(error.judgement)

    async def _response(self, ask: Callable[[list[_M]], Coroutine[Any, Any, _R]]) -> _R:
        try:
            return await self.answer(ask(self.sent))
        except Exception as error:
            if blocked := await self._blocking(error):
                raise BlockedError(blocked) from None
            raise

    async def _blocking(self, error: Exception) -> Judgement | None:
        """Why the model's error is not handed out, if what it holds of a response is blocked."""
        check = self._partial_check(error)
        if check is not None:
            await self.wait()
        return self.protection.blocking(await self.run(check))

    async def _released(self, chunks: AsyncIterator[_C]) -> AsyncGenerator[_C, None]:
        hold = self._responses.holdback(self.context)
        try:
            async with aclosing(self._judged(chunks, hold)) as judged:
                async for released in judged:
                    yield released
        except Exception as error:
            blocked = await self._blocking(error)
            if blocked is None:
                raise
        else:
            return
        yield self._refusal_in(hold, blocked)

    async def _judged(
        self, chunks: AsyncIterator[_C], hold: Holdback[_M, _C]
    ) -> AsyncGenerator[_C, None]:
        async for chunk in self.watch(chunks):
            check = hold.add(chunk)
            if not self.protection.blocks:
                for released in hold.release_all():
                    yield released
            if check is None:
                continue
            await self.wait()
            if blocked := self.protection.blocking(await self.run(check)):
                yield self._refusal_in(hold, blocked)
                return
            for released in hold.release():
                yield released
        await self.wait()
        for released in self._end(hold, await self.run(hold.end())):
            yield released
