"""When a call has to be over, and when its next chunk has to be there. Pure: clocks, no timers.

Nothing here interrupts anything. Whoever waits asks how long it still may (`Wait.now`), and
whoever got something asks whether it came in time (`check`). Sync and async do so alike.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from time import monotonic

from typing_extensions import Self

from grayswan_core.errors import APITimeoutError
from grayswan_core.limits import Timeout

__all__ = ["Deadline", "Wait"]

# Waits of 0 mean something else to sockets: not to wait at all.
_SHORTEST_WAIT = 0.001


class Wait(float):
    """A longest wait in seconds that knows the deadline of its call.

    It is handed to httpx, which hands it down to the socket as it is. A socket of ours asks
    `now` before each wait; any other takes it for the number it was when it was made.
    """

    __slots__ = ("_deadline", "_longest")  # each stream that is open keeps four of these

    _longest: float
    _deadline: Deadline

    def __new__(cls, longest: float, deadline: Deadline) -> Self:
        now = min(longest, deadline.remaining())
        wait = super().__new__(cls, max(_SHORTEST_WAIT, now))
        wait._longest = longest
        wait._deadline = deadline
        return wait

    def now(self) -> float | None:
        """How long may be waited from now on; 0 or less is not at all, None for ever."""
        wait = min(self._longest, self._deadline.remaining())
        return None if wait == inf else wait

    def left(self) -> float | None:
        """Seconds until the call has to be over; None when it may go on for ever."""
        left = self._deadline.remaining()
        return None if left == inf else max(left, 0)


class Deadline:
    """The clocks of one call, which stand still while the caller has a chunk.

    Args:
        timeout: How long things may take.
        clock: Seconds, from any beginning.
    """

    def __init__(self, timeout: Timeout, clock: Callable[[], float] = monotonic) -> None:
        self._timeout = timeout
        self.clock = clock
        self._between_chunks = _or_inf(timeout.between_chunks)
        self._end = clock() + _or_inf(timeout.total)
        self._chunk_end = inf
        self._tail_end = inf

    def remaining(self) -> float:
        """Seconds until the first of its clocks runs out; infinite when none runs."""
        return min(self._end, self._chunk_end, self._tail_end) - self.clock()

    def waits(self) -> dict[str, Wait | None]:
        """The longest waits of a request that begins now, in httpx's form."""
        self.expect_nothing()
        timeout = self._timeout
        return {
            "connect": self._wait(timeout.connect),
            "read": self._wait(timeout.read),
            "write": self._wait(timeout.write),
            "pool": self._wait(timeout.pool),
        }

    def read_wait(self) -> Wait | None:
        """The longest wait for more of an answer, from now on."""
        return self._wait(self._timeout.read)

    def expect_chunk(self) -> None:
        """From now on the next chunk, or a refusal's body, is waited for."""
        self._chunk_end = self.clock() + self._between_chunks

    def expect_nothing(self) -> None:
        """No answer is being read now; only the call as a whole has its end."""
        self._chunk_end = self._tail_end = inf

    def expect_end(self, seconds: float) -> None:
        """The answer is whole, and what may still come is waited for this long at most."""
        self._tail_end = min(self._tail_end, self.clock() + seconds)

    def expect_more(self) -> None:
        """The response goes on although it seemed whole; only its next chunk is waited for."""
        self._tail_end = inf

    def go_on(self, since: float) -> None:
        """Let the clocks run again that stood still since then, when a chunk came.

        The caller had it meanwhile. The next one has its full time.

        Raises:
            APITimeoutError: it came too late for the call as a whole.
        """
        now = self.clock()
        away = now - since
        self._end += away
        self._tail_end += away
        self._chunk_end = now + self._between_chunks
        if now >= self._end or now >= self._tail_end:
            self.check()

    def resume(self, since: float) -> None:
        """Let the call's clock run again that stood still since then."""
        self._end += self.clock() - since

    def check(self) -> None:
        """Let pass what is in time.

        Raises:
            APITimeoutError: it is not; the message names the timeout.
        """
        late = self.late()
        if late is not None:
            raise late

    def _wait(self, longest: float | None) -> Wait | None:
        wait = Wait(_or_inf(longest), self)
        return None if wait == inf else wait

    def late(self) -> APITimeoutError | None:
        """What to say when a clock has run out, else None."""
        now = self.clock()
        if now >= self._end:
            return APITimeoutError(
                "The call took longer than the timeout `total` allows"
                f" ({_or_inf(self._timeout.total):g} s)."
            )
        if now >= min(self._chunk_end, self._tail_end):
            return APITimeoutError(
                "No chunk came for longer than the timeout `between_chunks` allows"
                f" ({_or_inf(self._timeout.between_chunks):g} s)."
            )
        return None


def _or_inf(seconds: float | None) -> float:
    return inf if seconds is None else seconds
