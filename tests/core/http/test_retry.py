from __future__ import annotations

import pytest
from hypothesis import given
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
from grayswan_core.http.retry import RetryPolicy


def longest():
    return 1.0


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
