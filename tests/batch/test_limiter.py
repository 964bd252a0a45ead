"""The waiting: threads, loops, the bound on what is under way, and the row's permit."""

from __future__ import annotations

import asyncio
import itertools
import threading

import pytest

from grayswan_batch.calls import RowCall, current_call
from grayswan_batch.errors import InputError
from grayswan_batch.limiter import Limiter
from grayswan_core import RateLimitError


async def test_no_more_are_under_way_than_allowed():
    limiter = Limiter(max_in_flight=3)
    held = [await limiter.aacquire() for _ in range(3)]
    fourth = asyncio.ensure_future(limiter.aacquire())
    await asyncio.wait([fourth], timeout=0.2)

    assert not fourth.done()
    held[1].done()
    (await fourth).done()


def test_threads_and_loops_share_what_is_under_way():
    limiter = Limiter(max_in_flight=1)
    held = limiter.acquire()
    got = []

    async def wait_in_a_loop():
        permit = await limiter.aacquire()
        got.append("loop")
        permit.done()

    def wait_in_a_thread():
        permit = limiter.acquire()
        got.append("thread")
        permit.done()

    threads = [
        threading.Thread(target=lambda: asyncio.run(wait_in_a_loop())),
        threading.Thread(target=wait_in_a_thread),
    ]
    for thread in threads:
        thread.start()
    assert got == []
    held.done()
    for thread in threads:
        thread.join()
    assert sorted(got) == ["loop", "thread"]


async def test_who_stops_waiting_takes_nothing():
    limiter = Limiter(max_in_flight=1)
    held = await limiter.aacquire()
    waiting = asyncio.ensure_future(limiter.aacquire())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    held.done()

    (await limiter.aacquire()).done()


async def test_a_permit_ends_once():
    limiter = Limiter(max_in_flight=1)
    permit = await limiter.aacquire()
    permit.done()
    permit.done()
    other = await limiter.aacquire()
    third = asyncio.ensure_future(limiter.aacquire())
    await asyncio.sleep(0)

    assert not third.done()
    other.done()
    (await third).done()


async def test_a_refusal_makes_everybody_wait():
    limiter = Limiter(clock=lambda: 100.0)
    permit = await limiter.aacquire()
    permit.done(RateLimitError("busy", status_code=429, retry_after=7.0))

    assert limiter.stalled == pytest.approx(7.0)
    assert limiter.rate == 10


async def test_the_permit_of_a_row_is_for_the_first_who_asks_and_the_next_gets_a_new_one():
    limiter = Limiter()
    call = RowCall()
    current_call.set(call)
    call.spare = row = await limiter.aacquire()

    assert await limiter.aacquire() is row
    second = await limiter.aacquire()
    assert second is not row
    assert call.tries == 2
    second.done(RateLimitError("busy", status_code=429, retry_after=0.0))
    assert call.refused == 1


async def test_tokens_are_expected_as_rows_before_cost_them():
    limiter = Limiter(tokens_per_minute=60_000, clock=itertools.count(100).__next__)
    for _ in range(3):
        call = RowCall()
        current_call.set(call)
        (await limiter.aacquire(size=400)).done()
        limiter.settle(call, 1000)

    assert call.charged == 1000


@pytest.mark.parametrize(
    "wrong", [{"max_in_flight": 0}, {"requests_per_second": 0}, {"tokens_per_minute": -1}]
)
def test_a_limit_that_cannot_be_is_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        Limiter(**wrong)
