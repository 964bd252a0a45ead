"""How fast requests may go: an adaptive rate, a token budget, and pauses. Sans-I/O.

The rate is found as TCP finds a link's: it grows fast while all is well, and is cut at a 429. From
then on it climbs back to just below where it was cut, and slowly beyond (compare RFC 9438, CUBIC).
It grows only on successes that had to wait for it: a rate that nobody reaches proves nothing (RFC
7661). Requests are spread evenly, and after a pause none is made up for.

Times are seconds on any clock that does not go back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from grayswan_batch.errors import InputError

__all__ = ["Pace", "Rates", "Ticket"]

_SLACK = 0.05  # seconds of requests that may go at once, because timers are late
_CUT_FIRST, _CUT = 0.5, 0.9
_NEAR = 0.95  # the share of the last ceiling up to which the rate climbs fast
_FIRST, _FAST, _SLOW = 0.5, 0.05, 0.005  # growth a second, as a share of the rate
_LOWEST = 0.05  # requests a second
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds, for a 429 that does not say how long
_BUDGET_SECONDS = 10.0  # a token budget is spent in bursts of so many seconds' worth
_MINUTE = 60.0


@dataclass(frozen=True)
class Rates:
    """What is known of the API's limits beforehand.

    Attributes:
        requests_per_second: Never go faster; None is as fast as the API takes them.
        tokens_per_minute: Tokens of prompts and answers, where the API limits them.
        first_rate: Requests a second to begin with.

    Raises:
        InputError: a figure is not above 0.
    """

    requests_per_second: float | None = None
    tokens_per_minute: float | None = None
    first_rate: float = 20.0

    def __post_init__(self) -> None:
        for name in ("requests_per_second", "tokens_per_minute", "first_rate"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise InputError(f"{name} is a number above 0, not {value!r}.")


@dataclass(frozen=True)
class Ticket:
    """What a request that may go has to show when it ends.

    Attributes:
        epoch: How often the rate had been cut.
        paced: Whether the rate was what it waited for.
    """

    epoch: int
    paced: bool


class Pace:
    """Says when the next request may go, and learns from how requests end."""

    def __init__(self, rates: Rates) -> None:
        self._top = rates.requests_per_second or math.inf
        self.rate = min(self._top, rates.first_rate)
        self._ceiling = math.inf
        self._epoch = 0
        self._next = 0.0
        self._paused_until = 0.0
        self._refused_in_row = 0
        self._refusing_since: float | None = None
        self._budget = _Budget(rates.tokens_per_minute)

    def wait(self, now: float, tokens: float = 0.0) -> float:
        """Seconds until a request of so many tokens may go; 0 if it may now."""
        ready = max(self._next, self._paused_until) - now
        return max(0.0, ready, self._budget.wait(now, tokens))

    def take(self, now: float, tokens: float = 0.0) -> Ticket:
        """Let a request go."""
        oldest = now - _SLACK
        paced = self._next > oldest
        self._next = max(self._next, oldest) + 1 / self.rate
        self._budget.spend(tokens)
        return Ticket(self._epoch, paced)

    def succeeded(self, ticket: Ticket) -> None:
        """A request was answered."""
        self._refused_in_row = 0
        self._refusing_since = None
        if ticket.paced and ticket.epoch == self._epoch:
            self.rate = min(self._top, self.rate + self._growth())

    def limited(self, ticket: Ticket, now: float, retry_after: float | None) -> None:
        """A request was refused because there were too many: slow down, and pause.

        Args:
            ticket: The request's.
            now: The time.
            retry_after: Seconds the API asked to wait, if it did.
        """
        if self._refusing_since is None:
            self._refusing_since = now
        if ticket.epoch == self._epoch:  # else it went out before the last cut
            self._epoch += 1
            self._refused_in_row += 1
            cut = _CUT if math.isfinite(self._ceiling) else _CUT_FIRST
            self._ceiling = self.rate
            self.rate = max(_LOWEST, self.rate * cut)
        if retry_after is None:
            doubled = _FIRST_PAUSE * 2.0 ** min(self._refused_in_row - 1, 10)
            retry_after = min(_LONGEST_PAUSE, doubled)
        self._paused_until = max(self._paused_until, now + retry_after)
        self._next = max(self._next, self._paused_until)

    def spend(self, tokens: float) -> None:
        """Charge tokens that were not expected; negative ones were expected in vain."""
        self._budget.spend(tokens)

    def stalled(self, now: float) -> float:
        """Seconds that the API has refused everything, or asked to wait; the longer of both."""
        since = 0.0 if self._refusing_since is None else now - self._refusing_since
        return max(since, self._paused_until - now)

    def _growth(self) -> float:
        """What one success adds, so that the rate grows by a share a second."""
        if math.isinf(self._ceiling):
            return _FIRST
        return _FAST if self.rate < _NEAR * self._ceiling else _SLOW


class _Budget:
    """A token bucket that may be overdrawn: what an answer costs is known when it is there."""

    def __init__(self, per_minute: float | None) -> None:
        self._rate = None if per_minute is None else per_minute / _MINUTE
        self._size = self._left = (self._rate or 0.0) * _BUDGET_SECONDS
        self._filled = 0.0

    def wait(self, now: float, tokens: float) -> float:
        if self._rate is None:
            return 0.0
        self._left = min(self._size, self._left + (now - self._filled) * self._rate)
        self._filled = now
        missing = min(tokens, self._size) - self._left
        return missing / self._rate if missing > 0 else 0.0

    def spend(self, tokens: float) -> None:
        self._left -= tokens
