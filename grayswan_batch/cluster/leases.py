"""Permits leased in blocks: one book for all workers of a cluster. Sans-I/O.

A worker gets permits for the next fraction of a second, each with the moment from which it holds,
so that a message is exchanged for many requests and not for each. With the same message it
reports how its requests ended. Moments are delays: the clocks of two machines differ. A worker
that is not heard of any more is dead, and what it held is free again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from grayswan_batch.pace import Pace, Rates, Ticket

__all__ = ["Ended", "Lease", "LeaseBook", "LeasedPermit", "WorkerReport"]

_AHEAD = 0.25  # seconds
_MOST = 64  # permits in one lease
_ASK_AGAIN = 1.0  # seconds
_EXPIRES = 15.0  # seconds
_SHARE = 0.1  # of the latest answer in the mean of tokens


@dataclass(frozen=True)
class LeasedPermit:
    """One request may go, `delay` seconds after the lease came."""

    delay: float
    ticket: Ticket
    expected: float


@dataclass(frozen=True)
class Lease:
    """What a worker gets.

    Attributes:
        permits: May be used, the first soonest.
        wait: Seconds after which to ask again, where there are none.
        stalled: Seconds for which nothing goes in the whole cluster.
    """

    permits: tuple[LeasedPermit, ...]
    wait: float
    stalled: float


@dataclass(frozen=True)
class Ended:
    """How a permit ended.

    Attributes:
        permit: Which one.
        answered: Whether its request was answered.
        refused: Whether it was refused because there were too many.
        retry_after: Seconds the API asked to wait.
    """

    permit: LeasedPermit
    answered: bool = False
    refused: bool = False
    retry_after: float | None = None


@dataclass
class WorkerReport:
    """What a worker says when it asks for permits.

    Attributes:
        worker: Its name.
        want: How many.
        ended: The permits that ended since its last report.
        tokens: What answers cost.
        unexpected: Tokens beyond what was expected of them.
    """

    worker: str = ""
    want: int = 0
    ended: list[Ended] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    unexpected: float = 0.0


class LeaseBook:
    """Who has which permits.

    Args:
        rates: What is known of the API's limits.
        max_in_flight: The most permits that are out, over all workers.
    """

    def __init__(self, rates: Rates, max_in_flight: int) -> None:
        self._pace = Pace(rates)
        self._room = max_in_flight
        self._out: Counter[str] = Counter()
        self._heard: dict[str, float] = {}
        self._mean_tokens = 0.0

    def exchange(self, report: WorkerReport, now: float) -> Lease:
        """Take a report and give permits."""
        self._heard[report.worker] = now
        self._expire(now)
        for ended in report.ended:
            self._end(report.worker, ended, now)
        for tokens in report.tokens:
            share = _SHARE if self._mean_tokens else 1.0
            self._mean_tokens += share * (tokens - self._mean_tokens)
        self._pace.spend(report.unexpected)
        permits: list[LeasedPermit] = []
        while len(permits) < min(report.want, _MOST) and self._room > 0:
            delay = self._pace.wait(now, self._mean_tokens)
            if delay > _AHEAD:
                break
            ticket = self._pace.take(now, self._mean_tokens)
            permits.append(LeasedPermit(delay, ticket, self._mean_tokens))
            self._room -= 1
            self._out[report.worker] += 1
        wait = min(_ASK_AGAIN, max(0.05, self._pace.wait(now, self._mean_tokens)))
        return Lease(tuple(permits), wait, self._pace.stalled(now))

    def _expire(self, now: float) -> None:
        for worker in [name for name, heard in self._heard.items() if now - heard > _EXPIRES]:
            del self._heard[worker]
            self._room += self._out.pop(worker, 0)

    def _end(self, worker: str, ended: Ended, now: float) -> None:
        if self._out[worker] > 0:  # else it was taken for dead
            self._out[worker] -= 1
            self._room += 1
        if ended.answered:
            self._pace.succeeded(ended.permit.ticket)
            return
        if ended.refused:
            self._pace.limited(ended.permit.ticket, now, ended.retry_after)
            self._pace.spend(-ended.permit.expected)
