from __future__ import annotations

import asyncio
import gc

import anyio
import pytest
from transport_parts import NO_WAIT

from grayswan_core.http.own_task import in_own_task, leave_to_loop


@pytest.fixture
async def complaints():
    """What the loop reports, as errors that nobody retrieved."""
    found = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: found.append(context))
    yield found
    loop.set_exception_handler(None)


class Work:
    """Waits for ever; when it is cancelled, its end takes several turns of the loop."""

    def __init__(self, outcome=None):
        self.outcome = outcome
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()
        self.cancellations = 0

    async def __call__(self):
        try:
            self.begun.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancellations += 1
            for _ in range(5):
                await asyncio.sleep(0)
            self.ended.set()
            if isinstance(self.outcome, Exception):
                raise self.outcome from None
            if self.outcome is None:
                raise
            return self.outcome


async def test_the_result_is_the_works():
    async def work():
        return 1

    assert 1 == await in_own_task(work(), None)
    assert 1 == await in_own_task(work(), 30)


async def test_the_error_is_the_works():
    async def work():
        raise LookupError

    with pytest.raises(LookupError):
        await in_own_task(work(), 30)


async def test_it_runs_in_a_task_of_its_own():
    async def work():
        return asyncio.current_task()

    assert await in_own_task(work(), None) is not asyncio.current_task()


async def test_work_that_takes_too_long_is_cancelled_and_its_result_discarded():
    work, discarded = Work(outcome="connection"), asyncio.get_running_loop().create_future()
    with pytest.raises(asyncio.TimeoutError):
        await in_own_task(work(), NO_WAIT, discarded.set_result)
    assert ("connection", 1) == (await discarded, work.cancellations)


@pytest.mark.parametrize("outcome", [None, "connection", LookupError()], ids=repr)
async def test_a_cancelled_scope_does_not_interrupt_the_end_of_the_work(outcome, complaints):
    work, discarded = Work(outcome), []

    async def call():
        with anyio.CancelScope() as scope:
            call.scope = scope
            await in_own_task(work(), None, discarded.append)

    calling = asyncio.create_task(call())
    await work.begun.wait()
    call.scope.cancel()
    await calling
    await work.ended.wait()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gc.collect()
    assert 1 == work.cancellations
    assert ["connection"] * (outcome == "connection") == discarded
    assert [] == complaints


async def test_a_task_that_is_left_to_the_loop_is_not_lost():
    ended = asyncio.Event()

    async def work():
        waits = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(NO_WAIT, waits.set_result, None)
        await waits
        ended.set()

    leave_to_loop(asyncio.ensure_future(work()))
    gc.collect()
    await ended.wait()
