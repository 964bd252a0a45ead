from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grayswan_core.decoding.json_body import JSONBody
from grayswan_core.errors import (
    APIConnectionError,
    APIError,
    RateLimitError,
    ResponseError,
    StreamError,
)
from grayswan_core.wire import ChatResponse, ModerationResponse

ANSWER = {"id": "chat-1", "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}


def read(*pieces, kind=ChatResponse):
    body = JSONBody(kind)
    for piece in pieces:
        assert () == body.feed(piece)
    (answer,) = body.close()
    return answer


@given(st.lists(st.integers(min_value=0, max_value=200), max_size=8))
def test_it_does_not_matter_where_a_body_is_cut(places):
    body = json.dumps(ANSWER).encode()
    ends = sorted(place % (len(body) + 1) for place in places)
    pieces = [body[a:b] for a, b in zip([0, *ends], [*ends, len(body)], strict=True)]
    assert ChatResponse.model_validate(ANSWER) == read(*pieces)


def test_null_is_read_as_absent():
    choice = {"index": None, "finish_reason": None, "message": {"role": None, "content": None}}
    answer = read(json.dumps({"id": None, "choices": [choice], "usage": None}).encode())
    assert ("", 0, "assistant", None) == (
        answer.id,
        answer.choices[0].index,
        answer.choices[0].message.role,
        answer.choices[0].message.content,
    )


def test_moderation_is_read():
    body = b'{"flagged": true, "detected": 0.9, "passed": 0.1, "detail": "a field of tomorrow"}'
    assert read(body, kind=ModerationResponse).flagged


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b'{"error": true, "message": "No", "detail": "really"}', StreamError, "No: really"),
        (b'{"error": {"message": "slow down", "code": 429}}', RateLimitError, "slow down"),
        (b'{"error": "No"}', StreamError, "No"),
        (b'{"detail": "No"}', StreamError, "No"),
        (b'{"message": "Internal server error"}', StreamError, "Internal server error"),
        (b'{"error": "No", "choices": []}', StreamError, "No"),
        (b'{"error": "No", "choices": [{"message": {}}]}', StreamError, "No"),
        (b"", ResponseError, "cannot be read"),
        (b"<html>Sign in</html>", ResponseError, "<html>Sign in</html>"),
        (b"[]", ResponseError, "cannot be read"),
        (b"null", ResponseError, "cannot be read"),
        (b"{}", ResponseError, "choices: Field required"),
        (b'{"choices": []}', ResponseError, "choices: List should have at least 1 item"),
        (b'{"choices": null}', ResponseError, "choices: Field required"),
        (b'{"choices": [{}]}', ResponseError, "choices.0.message: Field required"),
        (b'{"choices": [{"message": {"content": 5}}]}', ResponseError, "choices.0.message.content"),
        (b'{"choices": [{"message": {"content": "\xc3("}}]}', ResponseError, "cannot be read"),
        (json.dumps(ANSWER).encode()[:-3], ResponseError, "cannot be read"),
    ],
)
def test_a_body_that_is_no_answer_is_an_error_in_words(body, kind, words):
    with pytest.raises(APIError) as caught:
        read(body)
    assert kind is type(caught.value)
    assert words in caught.value.message
    unreadable = "cannot be read" in caught.value.message
    assert unreadable == (type(caught.value.__cause__) is ValueError)
    assert caught.value.__context__ is None


def test_a_plain_answer_has_no_parts_worth_keeping():
    body = JSONBody(ChatResponse)
    body.feed(json.dumps(ANSWER).encode())
    error = APIConnectionError("broken")
    assert error is body.failed(error)
    assert error.partial is None
    assert (False, False, False) == (body.done, body.started, body.finished)


@given(st.binary(max_size=60), st.sampled_from([ChatResponse, ModerationResponse]))
def test_any_body_is_an_answer_or_an_api_error(body, kind):
    with suppress(APIError):
        assert isinstance(read(body, kind=kind), kind)


def test_calls_without_an_id_get_one():
    calls = [{"id": each, "function": {"name": "f"}} for each in ("", None, "1")]
    message = {"content": None, "tool_calls": calls}
    answer = read(json.dumps({"choices": [{"message": message}]}).encode())
    ids = [call.id for call in answer.choices[0].message.tool_calls]
    assert all(ids)
    assert 3 == len(set(ids))
    assert "1" == ids[2]
