"""The book of all workers and a worker's gate, without a cluster between them."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grayswan_batch.calls import RowCall, current_call
from grayswan_batch.cluster.gate import LeasedGate
from grayswan_batch.cluster.leases import Ended, LeaseBook, WorkerReport
from grayswan_batch.pace import Rates
from grayswan_core import RateLimitError

FAST = Rates(requests_per_second=1000, first_rate=1000)


def test_permits_are_spread_over_the_time_ahead():
    book = LeaseBook(Rates(requests_per_second=100, first_rate=100), 256)
    lease = book.exchange(WorkerReport(want=64), now=50.0)
    delays = [permit.delay for permit in lease.permits]

    assert delays == sorted(delays)
    assert 20 <= len(delays) <= 31
    assert delays[-1] <= 0.25
    assert book.exchange(WorkerReport(want=1), now=50.0).permits == ()


@given(st.lists(st.tuples(st.integers(0, 80), st.integers(0, 80), st.booleans()), max_size=30))
def test_no_more_permits_are_out_than_allowed(steps):
    book, out, now = LeaseBook(FAST, max_in_flight=10), [], 100.0
    for want, ended, answered in steps:
        now += 1
        back, out = out[:ended], out[ended:]
        report = WorkerReport(want=want, ended=[Ended(each, answered=answered) for each in back])
        out += book.exchange(report, now).permits
        assert len(out) <= 10


def test_what_a_dead_worker_held_is_free_again():
    book = LeaseBook(FAST, max_in_flight=5)
    dead = book.exchange(WorkerReport("dead", want=5), now=50.0).permits
    assert len(dead) == 5
    assert book.exchange(WorkerReport("alive", want=5), now=64.0).permits == ()

    alive = book.exchange(WorkerReport("alive", want=5), now=66.0).permits
    assert len(alive) == 5
    late = [Ended(permit, answered=True) for permit in dead]  # it was only slow
    assert book.exchange(WorkerReport("dead", want=5, ended=late), now=67.0).permits == ()


def test_one_workers_refusal_makes_all_wait():
    book = LeaseBook(FAST, 256)
    (permit,) = book.exchange(WorkerReport(want=1), now=50.0).permits
    refused = Ended(permit, refused=True, retry_after=5.0)
    book.exchange(WorkerReport(ended=[refused]), now=50.0)
    lease = book.exchange(WorkerReport(want=5), now=50.0)

    assert lease.permits == ()
    assert (lease.wait, lease.stalled) == (1.0, 5.0)


def test_tokens_are_budgeted_over_all_workers():
    book = LeaseBook(Rates(tokens_per_minute=6000, first_rate=1000), 256)
    book.exchange(WorkerReport(tokens=[500]), now=50.0)
    lease = book.exchange(WorkerReport(want=50), now=50.0)

    assert len(lease.permits) == 2
    book.exchange(WorkerReport(unexpected=-1000), now=50.0)
    assert len(book.exchange(WorkerReport(want=50), now=50.0).permits) == 2


class Cluster:
    """A book that workers reach by messages, which it counts."""

    def __init__(self, **rates):
        self.book = LeaseBook(Rates(**rates), 256)
        self.messages = 0
        self.heard = asyncio.Event()

    async def exchange(self, report):
        self.messages += 1
        if self.messages > 3:
            self.heard.set()
        await asyncio.sleep(0)
        return self.book.exchange(report, time.monotonic())


async def test_a_worker_asks_once_for_many():
    cluster = Cluster(requests_per_second=2000, first_rate=2000)
    gate = LeasedGate(cluster.exchange)
    permits = await asyncio.gather(*(gate.aacquire(0) for _ in range(60)))

    assert cluster.messages <= 5
    for permit in permits:
        permit.done()
    await gate.flush()


async def test_a_worker_that_waits_long_for_an_answer_is_heard_of(monkeypatch):
    monkeypatch.setattr("grayswan_batch.cluster.gate._BEAT", 0.01)
    cluster = Cluster()
    gate = LeasedGate(cluster.exchange)
    permit = await gate.aacquire(0)
    await cluster.heard.wait()
    permit.done()
    await gate.flush()


async def test_after_a_refusal_what_was_leased_is_given_back():
    cluster = Cluster(requests_per_second=1000, first_rate=1000)
    gate = LeasedGate(cluster.exchange)
    held = [await gate.aacquire(0) for _ in range(2)]
    call = RowCall()
    current_call.set(call)
    permit = await gate.aacquire(0)
    permit.done(RateLimitError("busy", status_code=429, retry_after=9.0))
    permit.done(None)
    for each in held:
        each.done()
    await gate.flush()

    assert gate.stalled == pytest.approx(9.0, abs=0.5)
    assert (call.tries, call.refused) == (1, 1)
    assert cluster.book._room == 256


async def test_the_permit_of_a_row_is_for_the_first_who_asks():
    gate = LeasedGate(Cluster().exchange)
    call = RowCall()
    current_call.set(call)
    call.spare = row = await gate.aacquire(0)

    assert await gate.aacquire(0) is row
    gate.settle(call, 10)
    row.done()
    await gate.flush()


def test_a_worker_has_no_sync_calls():
    with pytest.raises(RuntimeError, match="async"):
        LeasedGate(Cluster().exchange).acquire(0)
