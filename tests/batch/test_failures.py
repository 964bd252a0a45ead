"""Errors of our own and of others, by what they carry."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http import HTTPStatus

import httpx
import openai
import pytest

from grayswan_batch.failures import (
    failure_of,
    is_rate_limit,
    is_refused_key,
    may_pass,
    retry_after_of,
    status_of,
    text_of,
)
from grayswan_core import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    InternalServerError,
    RateLimitError,
)
from langchain_grayswan.errors import as_langchain_error


def openai_error(status, headers=None):
    request = httpx.Request("POST", "https://api.example")
    response = httpx.Response(status, headers=headers, request=request)
    kind = {429: openai.RateLimitError, 401: openai.AuthenticationError}.get(
        status, openai.APIStatusError
    )
    return kind("refused", response=response, body=None)


def behind(error):
    """An error that was raised from another, as chains do."""
    outer = RuntimeError("in a chain")
    outer.__cause__ = error
    return outer


def with_attributes(**attributes):
    """An error of another library."""
    error = RuntimeError("refused")
    vars(error).update(attributes)
    return error


BOTOCORE = {"ResponseMetadata": {"HTTPStatusCode": 429}, "Error": {"Code": "ThrottlingException"}}
RATE_LIMIT = RateLimitError("busy", status_code=429, retry_after=3.0)


@pytest.mark.parametrize(
    ("error", "status", "limited", "passes", "key"),
    [
        (RATE_LIMIT, 429, True, True, False),
        (as_langchain_error(RATE_LIMIT), 429, True, True, False),
        (behind(RATE_LIMIT), 429, True, True, False),
        (openai_error(429), 429, True, True, False),
        (openai_error(503), 503, False, True, False),
        (openai_error(503, {"retry-after": "2"}), 503, True, True, False),
        (openai_error(400), 400, False, False, False),
        (openai_error(401), 401, False, False, True),
        (AuthenticationError("no", status_code=401), 401, False, False, True),
        (ConfigurationError("no key"), None, False, False, True),
        (BadRequestError("no", status_code=400), 400, False, False, False),
        (InternalServerError("oh", status_code=500), 500, False, True, False),
        (APIConnectionError("broken"), None, False, True, False),
        (APITimeoutError("late"), None, False, True, False),
        (TimeoutError(), None, False, True, False),
        (httpx.ConnectError("no"), None, False, True, False),
        (ValueError("bug"), None, False, False, False),
        (with_attributes(code=429), 429, True, True, False),  # Google's
        (with_attributes(code=HTTPStatus.BAD_REQUEST), 400, False, False, False),
        (with_attributes(code=1006), None, False, False, False),  # a websocket's
        (with_attributes(status=401), 401, False, False, True),  # aiohttp's
        (with_attributes(response=BOTOCORE), 429, True, True, False),
    ],
)
def test_what_an_error_says(error, status, limited, passes, key):
    assert status_of(error) == status
    assert is_rate_limit(error) is limited
    assert may_pass(error) is passes
    assert is_refused_key(error) is key


class OddError(Exception):
    """An error of which everything fails that somebody may ask of it."""

    def __getattribute__(self, name):
        if name.startswith("__"):
            return super().__getattribute__(name)
        raise LookupError(name)

    def __str__(self):
        raise LookupError


def test_an_error_that_fails_itself_is_one_that_says_nothing():
    for error in (OddError(), behind(OddError()), with_attributes(response=OddError())):
        assert not any(ask(error) for ask in (is_rate_limit, is_refused_key, may_pass))
        assert (status_of(error), retry_after_of(error)) == (None, None)
    assert failure_of(OddError()) == {
        "error_type": "OddError",
        "error": "OddError",
        "status_code": None,
        "request_id": None,
    }
    assert text_of(ValueError()) == "ValueError"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "nan"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait_by_the_headers(headers, seconds):
    assert retry_after_of(openai_error(429, headers)) == seconds


def test_how_long_to_wait_by_a_date():
    date = format_datetime(datetime.fromtimestamp(time.time(), timezone.utc) + timedelta(hours=1))

    assert 3500 < retry_after_of(openai_error(429, {"retry-after": date})) <= 3600


def test_our_own_errors_say_how_long_themselves():
    assert retry_after_of(behind(RATE_LIMIT)) == 3.0


def test_what_is_written_down():
    error = InternalServerError("oh", status_code=500, request_id="req_1")

    assert failure_of(behind(error)) == {
        "error_type": "RuntimeError",
        "error": "in a chain",
        "status_code": 500,
        "request_id": "req_1",
    }
    assert failure_of(ValueError())["error"] == "ValueError"
    assert len(failure_of(ValueError("x" * 5000))["error"]) < 2100
