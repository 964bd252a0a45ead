"""One limiter for everybody: who may send now, over all threads and event loops of a process.

The arithmetic is `pace`; here is the waiting. In each loop, and among the threads, callers stand
in line, and only the first of a line waits for the pace.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol
from weakref import WeakKeyDictionary

from grayswan_batch.calls import RowCall, current_call, take_spare, waiting
from grayswan_batch.errors import InputError
from grayswan_batch.failures import is_rate_limit, retry_after_of
from grayswan_batch.pace import Pace, Rates, Ticket
from grayswan_core.http.gate import Permit

__all__ = ["DEFAULT_IN_FLIGHT", "Gate", "Limiter"]

DEFAULT_IN_FLIGHT = 256
_BYTES_PER_TOKEN = 4


class Gate(Protocol):
    """Whom the engine asks before each row, and our own models before every try."""

    @property
    def stalled(self) -> float:
        """Seconds for which the API has refused everything, or asks to wait; the longer of both."""

    def acquire(self, size: int) -> Permit:
        """Wait until a request of so many bytes may go."""

    async def aacquire(self, size: int) -> Permit:
        """`acquire`, async."""

    def settle(self, call: RowCall, tokens: int) -> None:
        """Say how many tokens a row cost in the end."""


class Limiter:
    """An adaptive rate limiter, to be shared by all that use one key.

    It speeds up while all is well, slows down at a 429, lets everybody wait out a `Retry-After`,
    and bounds how many requests are under way. Share one between runs that go on at once.

    Args:
        requests_per_second: Never go faster; unless given, as fast as the API takes them.
        tokens_per_minute: The API's limit on tokens, where it has one.
        max_in_flight: The most requests under way.

    Raises:
        InputError: a figure is not above 0.
    """

    def __init__(
        self,
        *,
        requests_per_second: float | None = None,
        tokens_per_minute: float | None = None,
        max_in_flight: int = DEFAULT_IN_FLIGHT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if max_in_flight < 1:
            raise InputError(f"max_in_flight is at least 1, not {max_in_flight!r}.")
        self._pace = Pace(Rates(requests_per_second, tokens_per_minute))
        self._clock = clock
        self._room = self.max_in_flight = max_in_flight
        self._lock = threading.Lock()
        self._freed = threading.Condition(self._lock)
        self._thread_line = threading.Lock()
        self._loop_lines: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]
        self._loop_lines = WeakKeyDictionary()
        self._woken: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._mean_tokens = 0.0

    @property
    def rate(self) -> float:
        """Requests a second, as they may go now."""
        return self._pace.rate

    @property
    def stalled(self) -> float:
        """Seconds for which the API has refused everything, or asks to wait; the longer of both."""
        with self._lock:
            return self._pace.stalled(self._clock())

    def acquire(self, size: int = 0) -> Permit:
        """Wait until a request may go.

        Args:
            size: Bytes of its prompt.

        Returns:
            the permit, whose `done` is to be called when the request has ended.
        """
        call = current_call.get()
        if (spare := take_spare(call)) is not None:
            return spare
        with self._thread_line:
            while not isinstance(got := self._try(call, size), _Permit):
                if got is None:
                    with self._freed:
                        self._freed.wait_for(lambda: self._room > 0)
                else:
                    time.sleep(got)
        return got

    async def aacquire(self, size: int = 0) -> Permit:
        """`acquire`, async."""
        call = current_call.get()
        if (spare := take_spare(call)) is not None:
            return spare
        with waiting(call):
            async with self._line():
                while not isinstance(got := self._try(call, size), _Permit):
                    if got is None:
                        await self._room_made()
                    else:
                        await asyncio.sleep(got)
        return got

    def settle(self, call: RowCall, tokens: int) -> None:
        """Say how many tokens a row cost in the end."""
        with self._lock:
            self._pace.spend(tokens - call.charged)
            share = 0.1 if self._mean_tokens else 1.0
            self._mean_tokens += share * (tokens - self._mean_tokens)

    def _try(self, call: RowCall | None, size: int) -> _Permit | float | None:
        """A permit, or the seconds to wait for one, or None if another has to end first."""
        with self._lock:
            expected = max(self._mean_tokens, size / _BYTES_PER_TOKEN)
            if self._room <= 0:
                return None
            now = self._clock()
            wait = self._pace.wait(now, expected)
            if wait > 0:
                return wait
            self._room -= 1
            if call is not None:
                call.tries += 1
                call.charged += expected
            return _Permit(self, self._pace.take(now, expected), call, expected)

    def _line(self) -> asyncio.Lock:
        loop = asyncio.get_running_loop()
        with self._lock:
            return self._loop_lines.setdefault(loop, asyncio.Lock())

    async def _room_made(self) -> None:
        loop = asyncio.get_running_loop()
        woken = loop.create_future()
        with self._lock:
            if self._room > 0:
                return
            self._woken.append((loop, woken))
        await woken

    def _ended(self, permit: _Permit, error: BaseException | None) -> None:
        with self._lock:
            self._room += 1
            if error is None:
                self._pace.succeeded(permit.ticket)
            elif is_rate_limit(error):
                self._pace.limited(permit.ticket, self._clock(), retry_after_of(error))
                self._pace.spend(-permit.expected)  # a refused request costs nothing
                if permit.call is not None:
                    permit.call.refused += 1
                    permit.call.charged -= permit.expected
            woken, self._woken = self._woken, []
            self._freed.notify()
        for loop, future in woken:
            with suppress(RuntimeError):  # that loop is closed
                loop.call_soon_threadsafe(_wake, future)


class _Permit:
    def __init__(
        self, limiter: Limiter, ticket: Ticket, call: RowCall | None, expected: float
    ) -> None:
        self._limiter: Limiter | None = limiter
        self.ticket = ticket
        self.call = call
        self.expected = expected

    def done(self, error: BaseException | None = None) -> None:
        limiter, self._limiter = self._limiter, None
        if limiter is not None:
            limiter._ended(self, error)  # noqa: SLF001 - the other half of it


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
