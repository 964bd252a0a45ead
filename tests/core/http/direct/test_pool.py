from __future__ import annotations

import gc

import pytest

from grayswan_core.http.direct import pool as module
from grayswan_core.http.direct.pool import Pool


class Connection:
    usable = True
    closed = 0

    def is_usable(self):
        return self.usable and not self.closed

    def close(self):
        self.closed += 1


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def idle():
    return []


@pytest.fixture
def pool(idle, clock):
    return Pool(2, 30.0, idle.append)


def used(pool):
    """A connection that was made and given back."""
    assert (None, True) == pool.claim()
    connection = Connection()
    pool.add(connection)
    return connection


def test_what_was_used_last_is_used_next(pool, idle):
    first, second = used(pool), used(pool)
    pool.give_back(first)
    pool.give_back(second)
    assert [pool, pool] == idle
    assert (second, False) == pool.claim()
    assert (first, False) == pool.claim()
    assert (None, False) == pool.claim()


def test_what_is_no_longer_usable_makes_room(pool):
    first = used(pool)
    pool.give_back(first)
    first.usable = False
    assert (None, True) == pool.claim()
    assert first.closed


def test_what_comes_back_unusable_is_closed(pool, idle):
    first = used(pool)
    first.usable = False
    pool.give_back(first)
    assert (1, [], True) == (first.closed, idle, pool.is_empty)


def test_there_are_never_more_than_allowed_and_each_place_comes_back(pool):
    first, second = used(pool), used(pool)
    assert (None, False) == pool.claim()
    pool.discard(first)
    assert (None, True) == pool.claim()
    pool.vacate()  # it could not be made
    pool.discard(second)
    assert pool.is_empty
    pool.discard(second)  # twice says nothing new
    assert pool.is_empty


def test_the_first_in_line_gets_what_comes_back(pool, idle):
    first, second = used(pool), used(pool)
    got, later = [], []
    pool.stand_in_line(got.append)
    pool.stand_in_line(later.append)
    pool.give_back(first)
    assert ([first], [], []) == (got, later, idle)
    pool.discard(second)
    assert [None] == later  # a place
    assert not pool.leave_line(got.append)
    assert (None, False) == pool.claim()  # both are taken


def test_who_leaves_the_line_gets_nothing(pool):
    first, _ = used(pool), used(pool)
    got = []
    pool.stand_in_line(got.append)
    assert pool.leave_line(got.append)
    pool.give_back(first)
    assert [] == got


def test_nobody_passes_a_line(pool):
    first, _ = used(pool), used(pool)
    pool.stand_in_line(lambda _: None)
    first.usable = False
    assert (None, False) == pool.claim()


def test_what_has_been_idle_too_long_is_closed_and_not_used(pool, clock):
    first, second = used(pool), used(pool)
    pool.give_back(first)
    clock[0] += 10
    pool.give_back(second)
    assert 20 == pool.expire()
    clock[0] += 20
    assert 10 == pool.expire()
    assert (1, 0) == (first.closed, second.closed)
    clock[0] += 10
    assert (None, True) == pool.claim()
    assert 1 == second.closed
    assert pool.expire() is None


def test_a_connection_that_its_peer_closed_is_passed_over(pool):
    first, second = used(pool), used(pool)
    pool.give_back(second)
    pool.give_back(first)
    first.closed = 1
    pool.forget(first)
    assert (second, False) == pool.claim()
    assert pool.expire() is None


class Holder:
    pass


def test_the_last_to_leave_closes_the_idle_now_and_the_used_later(pool):
    one, other = Holder(), Holder()
    pool.holders.update((one, other))
    first, second = used(pool), used(pool)
    pool.give_back(first)
    pool.retire(one)
    assert not first.closed
    pool.retire(other)
    assert (1, 0) == (first.closed, second.closed)
    pool.give_back(second)
    assert (1, True) == (second.closed, pool.is_empty)


def test_what_is_made_after_a_retirement_is_kept(pool, idle):
    pool.retire(Holder())
    pool.give_back(used(pool))
    assert [pool] == idle


def test_who_is_dropped_holds_nothing(pool):
    one, other = Holder(), Holder()
    pool.holders.update((one, other))
    first = used(pool)
    pool.give_back(first)
    del other
    gc.collect()
    assert not first.closed
    pool.retire(one)
    assert first.closed


def test_closing_closes_all_and_calls_nobody(pool):
    first, second = used(pool), used(pool)
    pool.stand_in_line(pytest.fail)  # its event loop may be closed
    pool.close()
    assert (1, 1) == (first.closed, second.closed)
