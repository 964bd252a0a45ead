from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grayswan_core.decoding.error_body import (
    error_from_event,
    error_from_refusal,
    error_from_response,
    error_from_wrong_type,
    excerpt,
    retry_after_seconds,
    says_error,
    should_retry,
)
from grayswan_core.errors import (
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ContextOverflowError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ResponseError,
    StreamError,
    UnprocessableEntityError,
)

SERVICE = b'{"error": true, "message": "No.", "detail": "Not now.", "error_code": "busy"}'
FASTAPI = json.dumps(
    {
        "detail": [
            {"loc": ["body", "messages", 0, "role"], "msg": "bad role", "type": "enum"},
            {"loc": ["body", "model"], "msg": "field required", "type": "missing"},
        ]
    }
).encode()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequestError),
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (408, APITimeoutError),
        (409, ConflictError),
        (413, APIStatusError),
        (418, APIStatusError),
        (422, UnprocessableEntityError),
        (429, RateLimitError),
        (500, InternalServerError),
        (502, InternalServerError),
        (529, InternalServerError),
        (302, APIStatusError),
        (304, APIStatusError),
    ],
)
def test_each_status_has_its_class(status, kind):
    error = error_from_response(status, {}, b"")
    assert kind is type(error)
    assert status == error.status_code
    assert str(status) in error.message


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (SERVICE, "The API responded with 400. No. Not now."),
        (
            FASTAPI,
            (
                "The API responded with 400. body.messages.0.role: bad role; body.model: field"
                " required."
            ),
        ),
        (b'{"error": {"message": "No!", "type": "x"}}', "The API responded with 400. No!"),
        (b'{"error": "No"}', "The API responded with 400. No."),
        (b'{"detail": "No"}', "The API responded with 400. No."),
        (b'{"detail": {"msg": "No", "loc": ["a"]}}', "The API responded with 400. a: No."),
        (b'{"detail": [{"msg": "No", "loc": null}]}', "The API responded with 400. No."),
        (b'{"detail": [{"msg": "No", "loc": 3}]}', "The API responded with 400. No."),
        (b'{"detail": ["No", {"message": "never"}]}', "The API responded with 400. No; never."),
        (b'{"reason": "No"}', 'The API responded with 400. {"reason": "No"}.'),
        (b'"No"', "The API responded with 400. No."),
        (b"No", "The API responded with 400. No."),
        (b"<h1>\n No </h1>\r\n", "The API responded with 400. <h1> No </h1>."),
        (b"\xff", "The API responded with 400. \ufffd."),
        (b"", "The API responded with 400."),
        (b"null", "The API responded with 400. null."),
    ],
)
def test_the_services_words_are_in_the_message_whatever_its_shape(body, said):
    assert said == error_from_response(400, {}, body).message


def test_what_the_headers_say_is_on_the_error():
    headers = {"x-request-id": "req-1", "retry-after": "7", "x-should-retry": "false"}
    error = error_from_response(429, headers, SERVICE)
    assert ("req-1", 7.0, False, False) == (
        error.request_id,
        error.retry_after,
        error.should_retry,
        error.is_retryable,
    )
    assert json.loads(SERVICE) == error.body


def test_the_wait_asked_for_is_in_the_message():
    error = error_from_response(429, {"retry-after": "86400"}, b'{"message": "Too many requests"}')
    assert (
        "The API responded with 429. Too many requests. It asks to wait 86,400 s." == error.message
    )


@pytest.mark.parametrize("status", [200, 404])
def test_a_wrong_address_is_named_without_its_query(status):
    url = "https://a.example/v1/chat/completion?secret=s"
    error = error_from_refusal("text/event-stream", url, status, {}, b"Not Found")
    assert "https://a.example/v1/chat/completion" in error.message
    assert "secret" not in error.message


def test_a_404_says_what_a_base_url_goes_without():
    message = error_from_response(404, {}, b"").message
    assert "base_url goes without /v1 and without the endpoint's path" in message


@pytest.mark.parametrize(("status", "hint"), [(401, "GRAYSWAN_API_KEY"), (404, "base URL")])
def test_there_is_a_hint_where_one_helps(status, hint):
    assert hint in error_from_response(status, {}, SERVICE).message


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize(
    "words",
    [
        "This model's maximum context length is 8192 tokens",
        "context_length_exceeded",
        "Too many tokens in the prompt",
        "The input is too long for this model",
        "Messages are too long",
        "prompt exceeds the context window",
        "Input tokens exceed the configured limit of 272000 tokens.",
        "Please reduce the length of the messages or completion.",
        "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens",
    ],
)
def test_an_input_too_long_has_a_class_of_its_own(status, words):
    body = json.dumps({"detail": words}).encode()
    assert ContextOverflowError is type(error_from_response(status, {}, body))


@pytest.mark.parametrize(
    "payload",
    [
        {"error": True, "message": "No", "error_code": "context_length_exceeded"},
        {"error": {"message": "No", "code": "context_length_exceeded"}},
    ],
    ids=["ours", "OpenAI's"],
)
def test_an_input_too_long_is_known_by_its_code(payload):
    body = json.dumps(payload).encode()
    assert ContextOverflowError is type(error_from_response(400, {}, body))
    assert ContextOverflowError is type(error_from_response(500, {}, body))
    assert ContextOverflowError is type(error_from_event(payload))


def test_other_statuses_are_not_about_the_input():
    body = b'{"detail": "too many tokens per minute"}'
    assert RateLimitError is type(error_from_response(429, {}, body))


@pytest.mark.parametrize(
    "payload",
    [
        {"error": True, "message": "No"},
        {"error": {"message": "No"}},
        {"error": "No"},
        {"error": {"message": "No"}, "choices": [{}]},
        {"error": "No", "choices": []},
        {"detail": "No"},
        {"detail": [{"msg": "No"}]},
        {"message": "No"},
    ],
)
def test_an_error_is_known_by_its_fields(payload):
    assert says_error(payload)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"choices": []},
        {"choices": [{}], "error": None},
        {"choices": [{}], "detail": "x", "message": "y"},
        {"choices": [], "detail": "x"},
        {"usage": {}, "detail": "x"},
        {"flagged": False, "detail": "x"},
        {"error": False},
        {"error": ""},
        {"detail": None},
        {"type": "ping"},
        [],
        None,
        "error",
        7,
    ],
)
def test_what_is_no_error_is_not_taken_for_one(payload):
    assert not says_error(payload)


@pytest.mark.parametrize(
    ("payload", "kind", "status"),
    [
        ({"error": "No"}, StreamError, None),
        ({"error": {"message": "No", "code": 503}}, InternalServerError, 503),
        ({"error": {"message": "No", "status": 429}}, RateLimitError, 429),
        ({"error": True, "message": "No", "status_code": 401}, AuthenticationError, 401),
        ({"error": {"message": "No", "code": "overloaded"}}, StreamError, None),
        ({"error": {"message": "No", "code": 7}}, StreamError, None),
        ({"error": {"message": "No", "code": True}}, StreamError, None),
        ({"error": {"message": "context length", "code": 400}}, ContextOverflowError, 400),
        ({"error": ["No"], "code": 500}, InternalServerError, 500),
    ],
)
def test_an_error_with_a_status_inside_is_of_that_class(payload, kind, status):
    error = error_from_event(payload)
    assert kind is type(error)
    assert status == error.status_code
    assert payload == error.body


def test_an_error_without_words_says_so():
    assert "The API reported an error: no reason given." == error_from_event({"error": 1}).message


def test_an_error_does_not_end_in_two_full_stops():
    assert "The API reported an error: No." == error_from_event({"error": "No."}).message


def test_a_wrong_content_type_is_named_with_the_start_of_the_body():
    error = error_from_wrong_type(
        "text/event-stream", {"content-type": "text/html", "x-request-id": "r"}, b"<html>Sign in"
    )
    assert ResponseError is type(error)
    assert "The API responded with text/html instead of text/event-stream" in error.message
    assert "<html>Sign in" in error.message
    assert ("r", "<html>Sign in") == (error.request_id, error.body)


def test_a_wrong_content_type_that_reports_an_error_is_that_error():
    error = error_from_wrong_type("text/event-stream", {}, b'{"error": "No"}')
    assert StreamError is type(error)


def test_a_missing_content_type_is_called_that():
    assert "no content type" in error_from_wrong_type("application/json", {}, b"").message


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", ""),
        (b"  a\r\n\tb  ", "a b"),
        (b"x" * 300, "x" * 300),
        (b"x" * 301, "x" * 300 + "..."),
        (b"x" * 10_000_000, "x" * 300 + "..."),
    ],
    ids=["empty", "spaces", "short", "long", "huge"],
)
def test_an_excerpt_is_one_short_line(body, expected):
    assert expected == excerpt(body)


def test_what_the_service_says_in_lines_is_one_line_in_a_message():
    body = b'{"error": "One.\\n  Two."}'
    assert "The API responded with 400. One. Two." in error_from_response(400, {}, body).message
    wrong = error_from_wrong_type("application/json", {}, body)
    assert "The API reported an error: One. Two." == wrong.message
    assert {"error": "One.\n  Two."} == wrong.body


@given(
    st.integers(min_value=100, max_value=999),
    st.dictionaries(
        st.sampled_from(["x-request-id", "retry-after", "retry-after-ms", "x-should-retry"]),
        st.text(max_size=10),
    ),
    st.binary(max_size=40)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["error", "detail", "message", "msg", "loc", "code"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=10,
    ).map(lambda value: json.dumps(value).encode()),
)
def test_any_answer_that_is_none_is_an_api_error_with_words(status, headers, body):
    error = error_from_response(status, headers, body)
    assert isinstance(error, APIError)
    assert error.message
    assert "\n" not in error_from_wrong_type("application/json", {}, body).message


@pytest.mark.parametrize(
    ("status", "kind"), [(200, ResponseError), (204, ResponseError), (302, APIStatusError)]
)
def test_a_refusal_is_told_by_its_status_or_else_by_its_type(status, kind):
    assert kind is type(error_from_refusal("application/json", "", status, {}, b"<html>"))


def http_date(**ahead):
    return format_datetime(datetime.now(timezone.utc) + timedelta(**ahead), usegmt=True)


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


def test_a_date_in_the_past_asks_for_no_wait():
    assert retry_after_seconds({"retry-after": http_date(days=-1)}) is None


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


@pytest.mark.parametrize("size", [0, 10, 299, 300, 301, 1_199, 1_201, 5_000, 100_000])
def test_the_body_is_kept_whole_and_the_message_is_short(size):
    text = "x" * size
    for error in (
        error_from_response(500, {}, text.encode()),
        error_from_wrong_type("application/json", {}, text.encode()),
    ):
        assert (text[: 64 * 1024] or None) == error.body
        assert len(error.message) < 500


def test_what_was_cut_is_marked_even_where_little_is_left_of_it():
    assert "a..." == excerpt(b"a" + b" " * 2_000)


def test_a_json_body_with_a_byte_order_mark_is_read():
    error = error_from_response(400, {}, b'\xef\xbb\xbf{"detail": "No"}')
    assert ("The API responded with 400. No.", {"detail": "No"}) == (error.message, error.body)
