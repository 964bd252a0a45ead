"""When a call has to be over, and when its next chunk has to be there. Clocks, no timers.

Sans-I/O: nothing here interrupts anything. Before each wait a transport asks how long it still
may be (`seconds`), and whoever got something checks whether it came in time (`check`).
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from time import monotonic

from grayswan_core.errors import APITimeoutError
from grayswan_core.limits import Timeout

__all__ = ["Deadline"]

# Waits of 0 mean something else to sockets: not to wait at all.
_SHORTEST_WAIT = 0.001

# Timers are rounded, so one may end this much early.
_ROUNDING = 0.01


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

    def seconds(self, wait: str) -> float | None:
        """How long a wait that begins now may take; None is for ever.

        Args:
            wait: The name of a field of `Timeout`.

        Raises:
            APITimeoutError: a clock has run out already.
        """
        remaining = self.remaining()
        if remaining <= 0:
            self.check()
        longest = _or_inf(getattr(self._timeout, wait))
        seconds = max(_SHORTEST_WAIT, min(longest, remaining))
        return None if seconds == inf else seconds

    def timed_out(self, wait: str) -> APITimeoutError:
        """The error of a wait that took as long as it might."""
        return self.late(_ROUNDING) or APITimeoutError(_TIMED_OUT[wait])

    def expect_chunk(self) -> None:
        """From now on the next chunk, or a refusal's body, is waited for."""
        self._chunk_end = self.clock() + self._between_chunks

    def expect_nothing(self) -> None:
        """No response is being read; only the call's total timeout applies."""
        self._chunk_end = self._tail_end = inf

    def expect_end(self, seconds: float) -> None:
        """The response is complete; the rest of the body is awaited this long at most."""
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

    def late(self, rounding: float = 0) -> APITimeoutError | None:
        """The error when a clock has run out, or will within `rounding` seconds; else None."""
        now = self.clock() + rounding
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


_TIMED_OUT = {
    "connect": "The API could not be reached in time (timeout `connect`).",
    "read": "The API sent nothing for longer than the timeout `read` allows.",
    "write": "The API took the request too slowly (timeout `write`).",
    "pool": "All connections stayed in use for longer than the timeout `pool` allows.",
}


def _or_inf(seconds: float | None) -> float:
    return inf if seconds is None else seconds
