from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grayswan_core.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    ConflictError,
    IncompleteStreamError,
    InternalServerError,
    RateLimitError,
    ResponseError,
    StreamError,
    UnprocessableEntityError,
)
from grayswan_core.http.retry import RetryPolicy, retry_after_seconds, should_retry


def longest():
    return 1.0


def http_date(**ahead):
    return format_datetime(datetime.now(timezone.utc) + timedelta(**ahead), usegmt=True)


def test_the_longest_wait_doubles_up_to_the_bound():
    policy = RetryPolicy(max_retries=6)
    error = InternalServerError("x")
    waits = [policy.delay(attempt, error, random=longest) for attempt in range(1, 8)]
    assert [1.0, 2.0, 4.0, 8.0, 10.0, 10.0, None] == waits


@given(st.integers(min_value=1, max_value=10_000), st.floats(min_value=0, max_value=1))
def test_a_wait_is_any_part_of_the_longest(attempt, luck):
    policy = RetryPolicy(max_retries=100_000)
    wait = policy.delay(attempt, RateLimitError("x"), random=lambda: luck)
    assert luck * min(10.0, 2.0 ** min(attempt - 1, 64)) == wait


def test_no_retries_means_none():
    assert RetryPolicy(max_retries=0).delay(1, InternalServerError("x")) is None


@pytest.mark.parametrize(
    ("kind", "retried"),
    [
        (APIConnectionError, True),
        (APITimeoutError, True),
        (ConflictError, True),
        (RateLimitError, True),
        (InternalServerError, True),
        (IncompleteStreamError, True),
        (APIStatusError, False),
        (AuthenticationError, False),
        (UnprocessableEntityError, False),
        (ResponseError, False),
        (StreamError, False),
    ],
)
def test_what_may_pass_is_tried_again_and_what_will_not_is_not(kind, retried):
    assert retried == (RetryPolicy().delay(1, kind("x")) is not None)
    assert retried == kind("x").is_retryable


def test_the_services_own_word_wins():
    policy = RetryPolicy()
    assert policy.delay(1, AuthenticationError("x", should_retry=True)) is not None
    assert policy.delay(1, InternalServerError("x", should_retry=False)) is None


@pytest.mark.parametrize(
    ("asked", "wait"), [(0.25, 0.25), (12.0, 12.0), (60.0, 60.0), (60.1, None), (86400.0, None)]
)
def test_the_wait_asked_for_is_kept_to_the_letter_or_the_error_stands(asked, wait):
    assert wait == RetryPolicy().delay(1, RateLimitError("x", retry_after=asked))


def test_the_wait_asked_for_does_not_add_tries():
    assert RetryPolicy(max_retries=1).delay(2, RateLimitError("x", retry_after=1.0)) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "86400"}, 86400.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after-ms": "0", "retry-after": "9"}, 9.0),
        ({"retry-after": "0"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e400"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
        ({"retry-after": "Mon, 99 Oct 2099 99:99:99 GMT"}, None),
    ],
)
def test_the_wait_is_read_where_it_makes_sense(headers, seconds):
    assert seconds == retry_after_seconds(headers)


@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000", ""])
def test_a_date_is_a_wait_from_now(zone):
    date = http_date(hours=1).replace("GMT", zone).strip()
    assert 3000 < retry_after_seconds({"retry-after": date}) <= 3600


def test_a_date_in_the_past_is_no_wait_but_the_usual_one():
    error = RateLimitError(
        "x", retry_after=retry_after_seconds({"retry-after": http_date(days=-1)})
    )
    assert 1.0 == RetryPolicy().delay(1, error, random=longest)


@given(st.text(max_size=40))
@example("Wed, 21 Oct 2099 07:28:00 +99999999999999")
@example("Wed, 21 Oct 0001 00:00:00 +2359")
@example("Fri, 31 Dec 9999 23:59:59 -2359")
def test_any_header_is_a_wait_above_zero_or_none(value):
    for name in ("retry-after", "retry-after-ms"):
        seconds = retry_after_seconds({name: value})
        assert seconds is None or seconds > 0


@pytest.mark.parametrize(
    ("value", "said"),
    [("true", True), ("True ", True), ("false", False), ("FALSE", False), ("", None), ("1", None)],
)
def test_the_service_says_true_or_false_or_nothing(value, said):
    assert said is should_retry({"x-should-retry": value})


def test_no_header_says_nothing():
    assert should_retry({}) is None
