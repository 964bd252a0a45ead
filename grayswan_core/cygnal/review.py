"""One judgement by a guard: the requests it takes, and what comes of them. Sans-I/O."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, Protocol

from grayswan_core.cygnal.cache import VerdictCache, digest
from grayswan_core.cygnal.verdict import Judgement, JudgementPolicy, Stage, Verdict, judge
from grayswan_core.cygnal.window import window
from grayswan_core.errors import (
    APIError,
    APIStatusError,
    ConflictError,
    ContextOverflowError,
    InternalServerError,
    RateLimitError,
)
from grayswan_core.wire import MonitorMessage, MonitorRequest

__all__ = ["Review"]

_log = logging.getLogger(__name__)

# Statuses of an outage. Any other error status says that key, policy or request is wrong.
_OUTAGES = (ConflictError, RateLimitError, InternalServerError)


class Judge(Protocol):
    """What a review has to know of a guard."""

    @property
    def base_url(self) -> str | None: ...
    @property
    def history(self) -> int: ...
    @property
    def on_error(self) -> Literal["block", "allow"]: ...
    @property
    def policy(self) -> JudgementPolicy: ...
    @property
    def verdicts(self) -> VerdictCache: ...
    @property
    def identity(self) -> str: ...
    def request(self, messages: list[MonitorMessage]) -> MonitorRequest: ...
    def report_violation(self, judgement: Judgement) -> None: ...


class Review:
    """The requests of one judgement: iterate over them, and hand it each one's verdict or error.

    Where a conversation is too long for the monitor, it is asked again with less of what came
    before; what is judged stays whole.
    """

    judgement: Judgement

    def __init__(
        self,
        guard: Judge,
        judged: Sequence[MonitorMessage],
        stages: tuple[Stage, ...],
        context: Sequence[MonitorMessage],
    ) -> None:
        self._guard = guard
        self._judged = judged
        self._stages = stages
        self._context = context
        self._history = min(guard.history, len(context))
        self._request = self._narrowed()
        self._key = digest(guard.identity, stages, self._request.model_dump())
        self._over = False

    def __iter__(self) -> Iterator[MonitorRequest]:
        if known := self.recall():
            self._conclude(known)
        elif not _says_something(self._judged):
            # Nothing was said, so nothing is asked.
            self._conclude(Judgement(self._stages[0]))
        while not self._over:
            yield self._request

    def recall(self) -> Judgement | None:
        """The judgement by a verdict of before, if there is one."""
        verdict = self._guard.verdicts.get(self._key)
        return None if verdict is None else replace(self._judge(verdict), cached=True)

    def take(self, verdict: Verdict) -> None:
        """Take in a verdict."""
        self._guard.verdicts.put(self._key, verdict)
        self._conclude(self._judge(verdict))

    def fail(self, error: APIError) -> None:
        """Take in an error.

        Raises:
            APIError: the same error, when it is no outage.
        """
        if isinstance(error, ContextOverflowError) and self._history:
            self._history //= 4
            self._request = self._narrowed()
            return
        if isinstance(error, APIStatusError) and not isinstance(error, _OUTAGES):
            raise error
        allowed = self._guard.on_error == "allow"
        done = "allowed" if allowed else "blocked"
        # The name alone: what the API said may quote the conversation.
        _log.warning(
            "No verdict from %s (%s), so the %s is %s.",
            self._guard.base_url,
            type(error).__name__,
            self._stages[0],
            done,
        )
        reasons = () if allowed else ("unavailable",)
        self._conclude(Judgement(self._stages[0], reasons, error=error))

    def _narrowed(self) -> MonitorRequest:
        shown = window(self._context, self._judged, self._history)
        return self._guard.request(shown)

    def _judge(self, verdict: Verdict) -> Judgement:
        return judge(verdict, self._guard.policy, self._stages)

    def _conclude(self, judgement: Judgement) -> None:
        self._over = True
        self.judgement = judgement
        if judgement.blocked:
            self._guard.report_violation(judgement)


def _says_something(messages: Sequence[MonitorMessage]) -> bool:
    return any(
        each.tool_calls or (each.content.strip() if isinstance(each.content, str) else each.content)
        for each in messages
    )
