"""The review of a call's input: what is judged before the model is called, or meanwhile."""

from __future__ import annotations

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterator,
    Sequence,
)
from typing import Any, Generic, TypeAlias, TypeVar

from grayswan_core.cygnal.check import Check
from grayswan_core.cygnal.history import Dialect, Prepared, prepare
from grayswan_core.cygnal.protection import Protection
from grayswan_core.cygnal.racing import AsyncRace, Race
from grayswan_core.cygnal.verdict import Judgement
from grayswan_core.wire import MonitorMessage

__all__ = ["AsyncInputReview", "BaseReview", "BlockedError", "InputReview"]

_M = TypeVar("_M")
_T = TypeVar("_T")
_Plan: TypeAlias = Generator[list[Check], list[Judgement], Prepared[_M]]


class BlockedError(Exception):
    """There is no response: the input is blocked, or what the model's error holds of a response.

    Caught by whoever calls the model.
    """

    def __init__(self, judgement: Judgement) -> None:
        super().__init__(judgement.stage)
        self.judgement = judgement


class BaseReview(Generic[_M]):
    """What sync and async reviews have in common."""

    replaced = False
    """Whether a placeholder is sent in place of the input."""

    def __init__(
        self, protection: Protection, messages: Sequence[_M], dialect: Dialect[_M]
    ) -> None:
        self.protection = protection
        self._plan: _Plan[_M] = prepare(protection, messages, dialect)
        self._prepared: Prepared[_M] = Prepared(dialect)

    @property
    def sent(self) -> list[_M]:
        """What the model is sent."""
        return self._prepared.messages

    @property
    def context(self) -> list[MonitorMessage]:
        """The same, as the monitor reads it."""
        return self._prepared.context

    @property
    def _races(self) -> bool:
        """Whether the input is judged while the model answers; to replace it, it must be before."""
        return self.protection.mode == "parallel" and self.protection.exit_behavior != "replace"

    def _take_input(self, judgement: Judgement) -> None:
        if self.protection.blocking(judgement) is None:
            return
        if self.protection.exit_behavior != "replace":
            raise BlockedError(judgement)
        self._prepared.replace_input()
        self.replaced = True


class InputReview(BaseReview[_M]):
    """The review of a sync call.

    Args:
        protection: What is judged.
        messages: The conversation.
        dialect: The framework's messages.
        run: Makes checks.
    """

    _race: Race | None = None

    def __init__(
        self,
        protection: Protection,
        messages: Sequence[_M],
        dialect: Dialect[_M],
        run: Callable[[Sequence[Check]], list[Judgement]],
    ) -> None:
        super().__init__(protection, messages, dialect)
        self._run = run

    def open(self) -> None:
        """Judge what comes before the call.

        Raises:
            BlockedError: the input is blocked.
        """
        self._prepared = self._drive()
        check = self._prepared.check
        if check is None:
            return
        if self._races:
            self._race = Race(lambda: self._judge_input(check))
        else:
            self._judge_input(check)

    def run(self, check: Check | None) -> Judgement | None:
        """Make a check, if there is one."""
        return None if check is None else self._run([check])[0]

    def watch(self, items: Iterator[_T]) -> Iterator[_T]:
        """What the model gives, for as long as the input is not blocked."""
        return items if self._race is None else self._race.watch(items)

    def wait(self) -> None:
        """Wait until the input is judged.

        Raises:
            BlockedError: it is blocked.
        """
        if self._race is not None:
            self._race.wait()

    def _drive(self) -> Prepared[_M]:
        judgements: Any = None
        while True:
            try:
                checks = self._plan.send(judgements)
            except StopIteration as end:
                prepared: Prepared[_M] = end.value
                return prepared
            judgements = self._run(checks)

    def _judge_input(self, check: Check) -> None:
        (judgement,) = self._run([check])
        self._take_input(judgement)


class AsyncInputReview(BaseReview[_M]):
    """`InputReview`, async; a bad verdict cuts the model off."""

    _race: AsyncRace | None = None

    def __init__(
        self,
        protection: Protection,
        messages: Sequence[_M],
        dialect: Dialect[_M],
        run: Callable[[Sequence[Check]], Awaitable[list[Judgement]]],
    ) -> None:
        super().__init__(protection, messages, dialect)
        self._run = run

    async def open(self) -> None:
        """Judge what comes before the call.

        Raises:
            BlockedError: the input is blocked.
        """
        self._prepared = await self._drive()
        check = self._prepared.check
        if check is None:
            return
        if self._races:
            self._race = AsyncRace(self._judge_input(check))
        else:
            await self._judge_input(check)

    async def run(self, check: Check | None) -> Judgement | None:
        """Make a check, if there is one."""
        return None if check is None else (await self._run([check]))[0]

    async def answer(self, response: Coroutine[Any, Any, _T]) -> _T:
        """The outcome of a coroutine, unless the input is blocked meanwhile."""
        return await (response if self._race is None else self._race.first(response))

    def watch(self, items: AsyncIterator[_T]) -> AsyncIterator[_T]:
        """What the model gives, for as long as the input is not blocked."""
        return items if self._race is None else self._race.watch(items)

    async def wait(self) -> None:
        """Wait until the input is judged.

        Raises:
            BlockedError: it is blocked.
        """
        if self._race is not None:
            await self._race.wait()

    async def aclose(self) -> None:
        """Stop judging the input, where nobody waits for the verdict any more."""
        if self._race is not None:
            await self._race.aclose()

    async def _drive(self) -> Prepared[_M]:
        judgements: Any = None
        while True:
            try:
                checks = self._plan.send(judgements)
            except StopIteration as end:
                prepared: Prepared[_M] = end.value
                return prepared
            judgements = await self._run(checks)

    async def _judge_input(self, check: Check) -> None:
        (judgement,) = await self._run([check])
        self._take_input(judgement)
