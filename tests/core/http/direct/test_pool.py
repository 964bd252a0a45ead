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


class Call:
    """A call that wants a connection or a place, and notes what it gets."""

    def __init__(self, pool):
        self.got = []
        self.proceed = self.got.append
        pool.claim(self.proceed)


def claim(pool):
    """What a call gets at once."""
    (got,) = Call(pool).got
    return got


def used(pool):
    """A connection that was made and is in use."""
    assert claim(pool) is None
    connection = Connection()
    pool.add(connection)
    return connection


def test_what_was_used_last_is_used_next(pool, idle):
    first, second = used(pool), used(pool)
    pool.give_back(first)
    pool.give_back(second)
    assert [pool] == idle  # it is watched already
    assert second is claim(pool)
    assert first is claim(pool)
    assert [] == Call(pool).got


def test_what_is_no_longer_usable_makes_room(pool):
    first = used(pool)
    pool.give_back(first)
    first.usable = False
    assert claim(pool) is None
    assert first.closed


def test_what_comes_back_unusable_is_closed(pool, idle):
    first = used(pool)
    first.usable = False
    pool.give_back(first)
    assert (1, [], 0) == (first.closed, idle, pool.places)


def test_there_are_never_more_than_allowed_and_each_place_comes_back(pool):
    first, second = used(pool), used(pool)
    assert pool.leave_line(Call(pool).proceed)
    pool.discard(first)
    assert claim(pool) is None
    pool.give_back(None)  # it could not be made
    pool.discard(second)
    assert 0 == pool.places
    pool.discard(second)  # twice says nothing new
    assert 0 == pool.places


def test_the_first_in_line_gets_what_comes_back(pool, idle):
    first, second = used(pool), used(pool)
    call, later = Call(pool), Call(pool)
    pool.give_back(first)
    assert ([first], [], []) == (call.got, later.got, idle)
    pool.discard(second)
    assert [None] == later.got  # a place
    assert not pool.leave_line(call.proceed)
    assert [] == Call(pool).got  # both are taken


def test_who_leaves_the_line_gets_nothing(pool):
    first, _ = used(pool), used(pool)
    leaving, next_in_line = Call(pool), Call(pool)
    assert pool.leave_line(leaving.proceed)
    pool.give_back(first)
    assert ([], [first]) == (leaving.got, next_in_line.got)


def test_nobody_passes_a_line(pool):
    first, _ = used(pool), used(pool)
    call, later = Call(pool), Call(pool)
    first.usable = False
    pool.give_back(first)
    assert ([None], []) == (call.got, later.got)


@pytest.mark.parametrize("is_usable", [True, False])
def test_what_comes_back_while_a_connection_is_looked_at_goes_to_the_next(pool, is_usable):
    """As when the garbage collector ends a dropped stream then."""
    first, second = used(pool), used(pool)
    first.usable = is_usable
    pool.give_back(second)
    later = []
    looked_at = []

    def is_usable_now():
        if not looked_at:
            looked_at.append(True)
            later.append(Call(pool))
            pool.give_back(first)
        return True

    second.is_usable = is_usable_now
    assert second is claim(pool)
    assert [first if is_usable else None] == later[0].got
    assert 2 == pool.places


def test_what_has_been_idle_too_long_is_closed_and_not_used(pool, idle, clock):
    first, second = used(pool), used(pool)
    pool.give_back(first)
    clock[0] += 10
    pool.give_back(second)
    assert 20 == pool.expire()
    clock[0] += 20
    assert 10 == pool.expire()
    assert (1, 0) == (first.closed, second.closed)
    clock[0] += 10
    assert claim(pool) is None
    assert 1 == second.closed
    assert pool.expire() is None
    assert [pool] == idle
    pool.give_back(used(pool))
    assert [pool, pool] == idle  # it has to be watched again


def test_a_connection_that_its_peer_closed_is_passed_over(pool):
    first, second = used(pool), used(pool)
    pool.give_back(second)
    pool.give_back(first)
    first.closed = 1
    pool.discard(first)
    assert second is claim(pool)
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
    assert (1, 0) == (second.closed, pool.places)


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
    call = Call(pool)  # of an event loop that may be closed
    pool.close()
    assert (1, 1, []) == (first.closed, second.closed, call.got)
