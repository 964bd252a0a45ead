from __future__ import annotations

import inspect
import json
import pickle

import pytest
from langchain_core import exceptions as langchain

from grayswan_core import ClientConfig, ContentFilterError, UnsupportedContentError
from grayswan_core import errors as core
from grayswan_devserver import Answer, Call, DevServer, RawResponse
from langchain_grayswan import ChatGraySwan, errors
from langchain_grayswan.errors import ModelRefusalError, as_langchain_error, langchain_errors

CORE_ERRORS = [
    getattr(core, name) for name in core.__all__ if getattr(core, name) is not core.GraySwanError
]


@pytest.mark.parametrize("kind", CORE_ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_of_the_core_has_its_own_in_the_family(kind):
    known = as_langchain_error(kind("It failed."))

    assert isinstance(known, kind)
    assert isinstance(known, langchain.ModelError)
    assert type(known).__name__ == kind.__name__
    assert known.is_retryable is getattr(kind, "is_retryable", False)


@pytest.mark.parametrize(
    ("kind", "family"),
    [
        (core.AuthenticationError, langchain.ModelAuthenticationError),
        (core.PermissionDeniedError, langchain.ModelPermissionDeniedError),
        (core.BadRequestError, langchain.ModelInvalidRequestError),
        (core.UnprocessableEntityError, langchain.ModelInvalidRequestError),
        (core.InvalidRequestError, langchain.ModelInvalidRequestError),
        (core.UnsupportedContentError, langchain.ModelInvalidRequestError),
        (core.ContextOverflowError, langchain.ContextOverflowError),
        (core.NotFoundError, langchain.ModelNotFoundError),
        (core.RateLimitError, langchain.ModelRateLimitError),
        (core.InternalServerError, langchain.ModelAPIError),
        (core.StreamError, langchain.ModelAPIError),
        (core.APIConnectionError, langchain.ModelConnectionError),
        (core.IncompleteStreamError, langchain.ModelConnectionError),
        (core.APITimeoutError, langchain.ModelTimeoutError),
        (core.ContentFilterError, ModelRefusalError),
        (core.ToolCallMissingError, langchain.OutputParserException),
        (core.ToolCallArgumentsError, langchain.OutputParserException),
    ],
    ids=lambda kind: kind.__name__,
)
def test_the_family_member_is_the_one_of_its_kind(kind, family):
    assert isinstance(as_langchain_error(kind("It failed.")), family)


def test_everything_an_error_tells_is_kept():
    said = core.RateLimitError(
        "Slow down.",
        status_code=429,
        request_id="req-1",
        retry_after=7.0,
        should_retry=False,
        body={"detail": "slow"},
    )
    known = as_langchain_error(said)

    assert (known.message, known.details()) == (said.message, said.details())
    assert known.is_retryable is False  # the API's own word
    assert as_langchain_error(known) is known


def test_an_error_survives_a_pickle():
    known = as_langchain_error(core.RateLimitError("Slow down.", status_code=429))
    back = pickle.loads(pickle.dumps(known))

    assert type(back) is type(known)
    assert (str(back), back.status_code) == ("Slow down.", 429)


def test_the_original_is_the_cause():
    original = core.RateLimitError("Slow down.")

    with pytest.raises(langchain.ModelRateLimitError) as caught, langchain_errors():
        raise original

    assert caught.value.__cause__ is original


def test_other_errors_are_let_through():
    with pytest.raises(KeyError), langchain_errors():
        raise KeyError("x")


def test_every_class_has_a_place_in_the_map():
    made = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if kind.__module__ == errors.__name__
    ]
    assert sorted(kind.__name__ for kind in made) == sorted(kind.__name__ for kind in CORE_ERRORS)


FAILURES = [
    (400, langchain.ModelInvalidRequestError, False),
    (401, langchain.ModelAuthenticationError, False),
    (403, langchain.ModelPermissionDeniedError, False),
    (404, langchain.ModelNotFoundError, False),
    (408, langchain.ModelTimeoutError, True),
    (409, langchain.ModelError, True),
    (422, langchain.ModelInvalidRequestError, False),
    (429, langchain.ModelRateLimitError, True),
    (500, langchain.ModelAPIError, True),
    (503, langchain.ModelAPIError, True),
]


def failing(status):
    body = json.dumps({"error": True, "message": "It failed.", "detail": "Why."}).encode()
    return RawResponse(body, status, {"content-type": "application/json"})


async def drained(model):
    return [chunk async for chunk in model.astream("Hello")]


@pytest.mark.parametrize(("status", "family", "retryable"), FAILURES)
async def test_every_way_of_calling_raises_the_family(model, server, status, family, retryable):
    server.script(*[failing(status)] * 4)
    with pytest.raises(family) as invoked:
        model.invoke("Hello")
    with pytest.raises(family) as ainvoked:
        await model.ainvoke("Hello")
    with pytest.raises(family) as streamed:
        list(model.stream("Hello"))
    with pytest.raises(family) as astreamed:
        await drained(model)
    raised = [caught.value for caught in (invoked, ainvoked, streamed, astreamed)]

    assert {error.status_code for error in raised} == {status}
    assert {error.is_retryable for error in raised} == {retryable}
    assert all("It failed" in str(error) for error in raised)


def test_too_long_an_input_is_an_overflow(model, server):
    body = json.dumps({"detail": "The context window holds 8192 tokens."}).encode()
    server.script(RawResponse(body, 400, {"content-type": "application/json"}))

    with pytest.raises(langchain.ContextOverflowError):
        model.invoke("Hello")


async def test_an_error_inside_a_stream_has_its_class_and_what_had_come(model, server, stream_of):
    event = {"error": {"message": "Slow down.", "code": 429}}
    server.script(*[stream_of({"content": "Hel"}, {"content": "lo"}, event)] * 2)
    chunks = []

    with pytest.raises(langchain.ModelRateLimitError, match="Slow down") as caught:
        chunks.extend(model.stream("Hello"))
    with pytest.raises(langchain.ModelRateLimitError):
        await drained(model)

    assert caught.value.partial_text == "Hello"


async def test_a_cut_stream_is_no_whole_answer(model, server, stream_of):
    cut = stream_of({"content": "Hel"}, done=False)
    server.script(cut, cut)

    with pytest.raises(langchain.ModelConnectionError) as caught:
        list(model.stream("Hello"))
    with pytest.raises(langchain.ModelConnectionError):
        await drained(model)

    assert caught.value.is_retryable
    assert caught.value.partial_text == "Hel"


def test_a_stream_cut_inside_a_call_hands_out_no_call(model, server, stream_of):
    call = {"index": 0, "id": "1", "function": {"name": "pay", "arguments": '{"amount": 100'}}
    server.script(stream_of({"tool_calls": [call]}, done=False))
    chunks = []

    with pytest.raises(langchain.ModelConnectionError):
        chunks.extend(model.stream("Pay", tools=[{"name": "pay"}]))

    assert not any(chunk.chunk_position == "last" for chunk in chunks)


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_cut_for_length_inside_a_call_hands_out_no_call(model, server, stream):
    call = Call("pay", '{"amount": 100')
    server.script(Answer(tool_calls=[call], finish_reason="length"))

    with pytest.raises(langchain.OutputParserException, match="cut in the middle"):
        model.invoke("Pay", tools=[{"name": "pay"}], stream=stream)


def test_what_cannot_be_sent_is_of_the_family(model, server):
    image = [{"type": "image_url", "image_url": {"url": "https://example.test/cat.png"}}]

    with pytest.raises(langchain.ModelInvalidRequestError) as caught:
        model.invoke([{"role": "user", "content": image}])
    with pytest.raises(langchain.ModelInvalidRequestError, match="structured output"):
        model.invoke("Hello", response_format={"type": "json_object"})
    with pytest.raises(langchain.ModelInvalidRequestError, match="Unknown argument 'seed'"):
        list(model.stream("Hello", seed=1))

    assert isinstance(caught.value, UnsupportedContentError)
    assert server.requests == []


def test_a_dead_server_is_a_connection_error():
    with DevServer() as server:
        url = server.url
    model = ChatGraySwan(base_url=url, api_key="test-key-000", max_retries=0)

    with pytest.raises(langchain.ModelConnectionError):
        model.invoke("Hello")


def test_an_unpickled_model_without_a_key_says_so_on_a_call():
    model = pickle.loads(pickle.dumps(ChatGraySwan(api_key="test-key-000")))

    with pytest.raises(langchain.ModelError, match="GRAYSWAN_API_KEY") as caught:
        model.invoke("Hello")

    assert isinstance(caught.value, core.ConfigurationError)


def test_a_refusal_is_an_error_where_that_is_asked_for(server):
    model = ChatGraySwan(base_url=server.url, api_key="test-key-000", raise_on_content_filter=True)
    server.script(Answer("I cannot help.", finish_reason="content_filter"))

    with pytest.raises(ModelRefusalError) as caught:
        model.invoke("Hello")

    assert isinstance(caught.value, ContentFilterError)
    assert caught.value.raw_message.content_blocks[0]["type"] == "refusal"
    assert not caught.value.is_retryable


def test_no_error_holds_a_key_a_header_or_a_response(server):
    key = "secret-key-0123456789"
    model = ChatGraySwan(
        base_url=server.url, api_key=key, max_retries=0, default_headers={"x-gate": "secret-gate"}
    )
    body = json.dumps({"message": f"The key {key} is wrong."}).encode()
    server.script(RawResponse(body, 401, {"content-type": "application/json"}))

    with pytest.raises(langchain.ModelAuthenticationError) as caught:
        model.invoke("Hello")

    error: BaseException | None = caught.value
    while error is not None:
        assert not hasattr(error, "response")
        assert not hasattr(error, "headers")
        for shown in (str(error), repr(error), repr(vars(error)), str(pickle.dumps(vars(error)))):
            assert "secret-" not in shown
        error = error.__cause__
    assert ClientConfig.resolve(api_key=key).api_key.get_secret_value() == key
