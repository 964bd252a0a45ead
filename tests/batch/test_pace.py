"""The arithmetic of the limiter, against an API played on a clock that the tests move."""

from __future__ import annotations

import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grayswan_batch.errors import InputError
from grayswan_batch.pace import Pace, Rates


class Api:
    """A rate limit as a token bucket, with a latency. Plays requests as events on a clock."""

    def __init__(self, per_second, latency, retry_after=1.0):
        self.per_second = per_second
        self.latency = latency
        self.retry_after = retry_after
        self.left = per_second
        self.filled = 0.0

    def admits(self, now):
        self.left = min(self.per_second, self.left + (now - self.filled) * self.per_second)
        self.filled = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


def play(pace, api, rows, window=256):
    """Sends rows until all are answered; gives refusals and the time it took."""
    now, refused, answered, under_way, events = 0.0, 0, 0, 0, []
    left = rows
    while answered < rows:
        wait = pace.wait(now)
        while left and under_way < window and wait == 0:
            ticket = pace.take(now)
            left, under_way = left - 1, under_way + 1
            admitted = api.admits(now)
            end = now + (api.latency if admitted else 0.001)
            heapq.heappush(events, (end, len(events) + refused, ticket, admitted))
            wait = pace.wait(now)
        next_end = events[0][0] if events else float("inf")
        if left and under_way < window and now + wait < next_end:
            now += wait
            continue
        now, _, ticket, admitted = heapq.heappop(events)
        under_way -= 1
        if admitted:
            answered += 1
            pace.succeeded(ticket)
        else:
            refused += 1
            left += 1
            pace.limited(ticket, now, api.retry_after)
    return refused, now


@pytest.mark.parametrize("per_second", [5, 50, 150, 1000])
@pytest.mark.parametrize("latency", [0.05, 0.5, 3.0])
@pytest.mark.parametrize("retry_after", [None, 1.0, 0.1])
def test_a_limit_that_nobody_told_is_found(per_second, latency, retry_after):
    rows = per_second * 130
    window = max(256, int(3 * per_second * latency))
    refused, seconds = play(Pace(Rates()), Api(per_second, latency, retry_after), rows, window)

    assert refused < max(rows * 0.01, 40)
    assert seconds < 1.5 * 130 + 20


def test_a_limit_that_was_told_is_kept_without_one_refusal():
    refused, seconds = play(Pace(Rates(requests_per_second=150)), Api(150, 0.1), 6000)

    assert refused == 0
    assert 39 < seconds < 45


def test_a_limit_that_is_raised_is_found_again():
    pace, api = Pace(Rates()), Api(20, 0.1)
    play(pace, api, 1000)
    api.per_second = 100.0
    before = pace.rate
    play(pace, Api(100, 0.1), 8000)

    assert before < 25
    assert pace.rate > 60


def test_a_rate_that_nobody_reaches_does_not_grow():
    pace, now = Pace(Rates()), 0.0
    for _ in range(1000):
        now += 1.0  # one request a second
        assert pace.wait(now) == 0
        pace.succeeded(pace.take(now))

    assert pace.rate <= 21


def test_refusals_of_one_moment_cut_the_rate_once():
    pace = Pace(Rates(requests_per_second=100, first_rate=100))
    tickets = [pace.take(now / 100) for now in range(10)]
    for ticket in tickets:
        pace.limited(ticket, 0.2, 2.0)

    assert pace.rate == 50
    assert pace.wait(0.2) == pytest.approx(2.0)


def test_everybody_waits_out_the_longest_retry_after():
    pace = Pace(Rates())
    first, second = pace.take(0.0), pace.take(0.0)
    pace.limited(first, 0.0, 30.0)
    pace.limited(second, 1.0, 5.0)

    assert pace.wait(1.0) == pytest.approx(29.0)
    assert pace.stalled(1.0) == pytest.approx(29.0)


def test_refusals_without_a_word_on_how_long_are_waited_out_longer_and_longer():
    pace, now, waits = Pace(Rates()), 0.0, []
    for _ in range(9):
        ticket = pace.take(now)
        pace.limited(ticket, now, None)
        waits.append(round(pace.wait(now)))
        now += pace.wait(now)

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert pace.stalled(now) == pytest.approx(now)
    pace.succeeded(pace.take(now))
    assert pace.stalled(now + 1) <= 0


def test_tokens_are_spent_no_faster_than_their_limit():
    pace, now, spent = Pace(Rates(tokens_per_minute=6000, first_rate=1000)), 0.0, 0
    while now < 60:
        wait = pace.wait(now, 50)
        now += wait
        pace.take(now, 50)
        spent += 50
        if spent % 500 == 0:
            pace.spend(25)  # it was more than expected
            spent += 25

    assert 6000 <= spent <= 6000 + 1000 + 100


def test_a_row_that_costs_more_than_the_budget_goes_when_the_budget_is_full():
    pace = Pace(Rates(tokens_per_minute=60))

    assert pace.wait(100.0, 5000) == 0
    pace.take(100.0, 5000)
    assert pace.wait(101.0, 1) > 4000


@given(st.lists(st.tuples(st.floats(0, 5), st.booleans(), st.floats(0, 3)), max_size=60))
def test_the_rate_stays_within_its_bounds_and_waits_are_finite(steps):
    pace, now = Pace(Rates(requests_per_second=40)), 0.0
    for pause, fine, retry_after in steps:
        now += pause
        now += pace.wait(now)
        ticket = pace.take(now)
        if fine:
            pace.succeeded(ticket)
        else:
            pace.limited(ticket, now, retry_after)
        assert 0 < pace.rate <= 40
        assert 0 <= pace.wait(now) < 100


@pytest.mark.parametrize("name", ["requests_per_second", "tokens_per_minute"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_a_limit_that_is_none_is_refused(name, value):
    with pytest.raises(InputError, match=name):
        Rates(**{name: value})
