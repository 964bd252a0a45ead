from __future__ import annotations

from math import inf

import pytest

from grayswan_core.errors import APITimeoutError
from grayswan_core.http.deadline import Deadline
from grayswan_core.limits import Timeout


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def deadline(clock):
    return Deadline(Timeout(between_chunks=10, total=100), clock)


def test_the_whole_call_has_its_end(deadline, clock):
    deadline.check()
    clock.now += 99
    assert 1 == deadline.remaining()
    deadline.check()
    clock.now += 1
    with pytest.raises(APITimeoutError, match=r"`total` allows \(100 s\)") as caught:
        deadline.check()
    assert caught.value.is_retryable


def test_a_chunk_is_waited_for_from_when_it_is_expected(deadline, clock):
    clock.now += 50
    deadline.expect_chunk()
    clock.now += 9
    deadline.check()
    assert 1 == deadline.remaining()
    clock.now += 1
    with pytest.raises(APITimeoutError, match=r"`between_chunks` allows \(10 s\)"):
        deadline.check()


def test_the_next_chunk_has_its_full_time(deadline, clock):
    deadline.expect_chunk()
    for _ in range(5):
        clock.now += 9
        deadline.go_on(clock())
        deadline.check()


def test_the_clocks_stand_while_the_caller_has_a_chunk(deadline, clock):
    deadline.expect_chunk()
    clock.now += 5
    came = clock()
    clock.now += 10_000
    deadline.go_on(came)
    deadline.check()
    assert 10 == deadline.remaining()
    deadline.expect_nothing()
    assert 95 == deadline.remaining()


def test_a_chunk_may_have_come_too_late_for_the_whole_call(deadline, clock):
    clock.now += 101
    came = clock()
    clock.now += 10_000
    with pytest.raises(APITimeoutError, match="`total`"):
        deadline.go_on(came)


def test_what_follows_a_whole_answer_may_come_too_late(deadline, clock):
    deadline.expect_end(5)
    clock.now += 6
    with pytest.raises(APITimeoutError):
        deadline.go_on(clock())


def test_what_follows_a_whole_answer_has_its_own_short_time(deadline, clock):
    deadline.expect_end(5)
    clock.now += 4
    deadline.expect_end(5)  # saying it again gives no more
    assert 1 == deadline.remaining()
    deadline.expect_end(0.1)
    assert pytest.approx(0.1) == deadline.remaining()
    clock.now += 1
    with pytest.raises(APITimeoutError):
        deadline.check()


def test_a_new_try_begins_without_the_last_ones_clocks(deadline, clock):
    deadline.expect_chunk()
    clock.now += 50
    deadline.expect_nothing()
    assert 50 == deadline.remaining()


WAITS = ("connect", "read", "write", "pool")


def test_without_limits_nothing_is_ever_late(clock):
    deadline = Deadline(Timeout.of(None), clock)
    deadline.expect_chunk()
    clock.now += 1e12
    deadline.check()
    assert inf == deadline.remaining()
    assert [None] * 4 == [deadline.seconds(wait) for wait in WAITS]


def test_each_wait_ends_with_the_call(clock):
    deadline = Deadline(Timeout(connect=5, read=60, write=70, pool=80, total=65), clock)
    assert [5, 60, 65, 65] == [deadline.seconds(wait) for wait in WAITS]
    clock.now += 62
    assert [3, 3, 3, 3] == [deadline.seconds(wait) for wait in WAITS]


def test_a_wait_is_for_a_chunk_at_most_once_the_response_has_begun(deadline):
    assert 60 == deadline.seconds("read")
    deadline.expect_chunk()
    assert 10 == deadline.seconds("read")


@pytest.mark.parametrize("wait", WAITS)
def test_no_wait_begins_too_late(deadline, clock, wait):
    clock.now += 100
    with pytest.raises(APITimeoutError, match="`total`"):
        deadline.seconds(wait)


def test_a_wait_is_never_no_wait_at_all(deadline, clock):
    clock.now += 99.9999
    assert 0.001 == deadline.seconds("connect")


@pytest.mark.parametrize("wait", WAITS)
def test_a_wait_that_timed_out_is_named(deadline, clock, wait):
    assert f"`{wait}`" in deadline.timed_out(wait).message
    clock.now += 99.999  # a timer may be early by as much
    assert "`total`" in deadline.timed_out(wait).message
