"""The gate of one worker in a cluster: permits come in blocks and are handed out in line."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable

from grayswan_batch.calls import RowCall, current_call, take_spare, waiting
from grayswan_batch.cluster.leases import Ended, Lease, LeasedPermit, WorkerReport
from grayswan_batch.failures import is_rate_limit, retry_after_of
from grayswan_core.http.gate import Permit

__all__ = ["LeasedGate"]

_BEAT = 3.0  # seconds


class LeasedGate:
    """A gate for the tasks of one event loop.

    Args:
        exchange: Sends a report to the book of all workers, and gives the lease.
    """

    def __init__(self, exchange: Callable[[WorkerReport], Awaitable[Lease]]) -> None:
        self._exchange = exchange
        self._line = asyncio.Lock()
        self._waiting = 0
        self._permits: deque[tuple[float, LeasedPermit]] = deque()
        self._name = uuid.uuid4().hex
        self._report = WorkerReport(self._name)
        self._out = 0
        self._beating: asyncio.Task[None] | None = None
        self._urgent: set[asyncio.Future[Lease]] = set()
        self.stalled = 0.0

    def acquire(self, size: int) -> Permit:
        """Not here: a worker's models are asked in its event loop.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("On Ray, a model is called by its async methods.")

    async def aacquire(self, size: int) -> Permit:
        """Wait until a request may go."""
        call = current_call.get()
        if (spare := take_spare(call)) is not None:
            return spare
        self._waiting += 1
        try:
            with waiting(call):
                async with self._line:
                    permit = await self._next()
        finally:
            self._waiting -= 1
        if call is not None:
            call.tries += 1
            call.charged += permit.expected
        return _Permit(self, permit, call)

    def settle(self, call: RowCall, tokens: int) -> None:
        """Say how many tokens a row cost in the end."""
        self._report.tokens.append(tokens)
        self._report.unexpected += tokens - call.charged

    async def flush(self) -> None:
        """Give back what is not used, and report what has ended."""
        self._give_back()
        await self._send(0)
        await asyncio.gather(*self._urgent)
        if self._beating is not None:
            self._beating.cancel()

    async def _next(self) -> LeasedPermit:
        while True:
            while not self._permits:
                lease = await self._send(self._waiting)
                now = time.monotonic()
                self._permits.extend((now + each.delay, each) for each in lease.permits)
                if not lease.permits:
                    await asyncio.sleep(lease.wait)
            begins, permit = self._permits[0]
            if (delay := begins - time.monotonic()) > 0:
                await asyncio.sleep(delay)
            # Meanwhile a refusal may have taken all permits back.
            if self._permits and self._permits[0][1] is permit:
                self._permits.popleft()
                return permit

    async def _send(self, want: int) -> Lease:
        report, self._report = self._report, WorkerReport(self._name)
        report.want = want
        lease = await self._exchange(report)
        self.stalled = lease.stalled
        self._out += len(lease.permits)
        if self._out and (self._beating is None or self._beating.done()):
            self._beating = asyncio.ensure_future(self._beat())
        return lease

    async def _beat(self) -> None:
        """Let the book know that the permits which are out are still used."""
        while self._out:
            await asyncio.sleep(_BEAT)
            await self._send(0)

    def _ended(
        self, permit: LeasedPermit, call: RowCall | None, error: BaseException | None
    ) -> None:
        refused = error is not None and is_rate_limit(error)
        wait = retry_after_of(error) if error is not None and refused else None
        self._report.ended.append(Ended(permit, error is None, refused, wait))
        self._out -= 1
        if not refused:
            return
        if call is not None:
            call.refused += 1
            call.charged -= permit.expected
        self._give_back()  # they were leased before it was known
        sending = asyncio.ensure_future(self._send(0))  # everybody is to know at once
        self._urgent.add(sending)
        sending.add_done_callback(self._urgent.discard)

    def _give_back(self) -> None:
        self._report.ended.extend(Ended(permit) for _, permit in self._permits)
        self._out -= len(self._permits)
        self._permits.clear()


class _Permit:
    def __init__(self, gate: LeasedGate, permit: LeasedPermit, call: RowCall | None) -> None:
        self._gate: LeasedGate | None = gate
        self._permit = permit
        self._call = call

    def done(self, error: BaseException | None = None) -> None:
        gate, self._gate = self._gate, None
        if gate is not None:
            gate._ended(self._permit, self._call, error)  # noqa: SLF001 - the other half of it
