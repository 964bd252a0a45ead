from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from grayswan_core.errors import InvalidRequestError
from grayswan_core.wire import (
    ChatRequest,
    ChatResponse,
    FunctionDefinition,
    Message,
    ModerationRequest,
    ModerationResponse,
    NamedToolChoice,
    Tool,
    ToolCall,
    parse,
    parse_chunk,
)

HELLO = Message(role="user", content="Hello")


def tool(parameters=None):
    return Tool(function=FunctionDefinition(name="f", description="d", parameters=parameters or {}))


def body(**fields):
    return json.loads(ChatRequest(model="cygnet", messages=[HELLO], **fields).to_body())


# --- what we send


def test_only_what_was_given_is_sent():
    assert {
        "model": "cygnet",
        "messages": [{"role": "user", "content": "Hello"}],
    } == body()


def test_every_field_of_the_contract_can_be_sent():
    fields = {
        "max_tokens": 5,
        "temperature": 0.0,
        "top_p": 0.5,
        "frequency_penalty": -1.0,
        "n": 2,
        "moderate_before": False,
        "tool_choice": "auto",
    }
    sent = body(**fields, tools=[tool({"type": "object"})])
    function = {"name": "f", "description": "d", "parameters": {"type": "object"}}
    assert {**fields, "tools": [{"type": "function", "function": function}]} == {
        name: value for name, value in sent.items() if name not in {"model", "messages"}
    }


def test_a_stream_is_asked_for_only_when_it_is_wanted():
    request = ChatRequest(model="cygnet", messages=[HELLO])
    assert json.loads(request.to_body(stream=True))["stream"] is True
    assert "stream" not in json.loads(request.to_body())
    assert request.stream is None


@pytest.mark.parametrize(
    "name",
    ["stop", "seed", "response_format", "stream_options", "presence_penalty", "user", "Model"],
)
def test_a_field_the_service_does_not_know_is_refused(name):
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        body(**{name: None})


@pytest.mark.parametrize(
    "fields",
    [
        {"max_tokens": 0},
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"frequency_penalty": float("-inf")},
        {"top_p": 1.1},
        {"n": 0},
        {"tool_choice": "required"},
        {"tool_choice": "any"},
    ],
)
def test_a_value_out_of_range_is_refused(fields):
    with pytest.raises(ValidationError):
        body(**fields)


def test_a_conversation_has_a_message_and_a_request_a_model():
    with pytest.raises(ValidationError):
        ChatRequest(model="cygnet", messages=[])
    with pytest.raises(ValidationError):
        ChatRequest(model="", messages=[HELLO])


def test_an_unknown_role_is_refused():
    with pytest.raises(ValidationError):
        Message(role="developer", content="x")


def test_a_message_that_only_calls_tools_has_empty_content():
    call = ToolCall.model_validate({"id": "c", "function": {"name": "f", "arguments": "{}"}})
    message = Message(role="assistant", content=None, tool_calls=[call])
    sent = json.loads(ChatRequest(model="m", messages=[message]).to_body())["messages"][0]
    assert {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        ],
    } == sent


def test_a_tools_schema_goes_as_it_is_nulls_and_all():
    schema = {"type": "object", "properties": {"a": {"enum": ["x", None], "default": None}}}
    assert schema == body(tools=[tool(schema)])["tools"][0]["function"]["parameters"]


def test_a_tool_is_chosen_by_its_name():
    assert {"type": "function", "function": {"name": "f"}} == body(
        tool_choice=NamedToolChoice.of("f")
    )["tool_choice"]


@given(st.text())
def test_any_text_is_sent_letter_for_letter(text):
    request = ChatRequest(model="cygnet", messages=[Message(role="data", content=text)])
    assert text == json.loads(request.to_body())["messages"][0]["content"]


def test_a_text_that_is_no_unicode_cannot_be_sent():
    message = Message(role="user", content="half a \ud83d character")
    with pytest.raises(InvalidRequestError, match="cannot be written as JSON"):
        ChatRequest(model="cygnet", messages=[message]).to_body()
    with pytest.raises(InvalidRequestError, match="cannot be written as JSON"):
        ModerationRequest(input="\ud83d").to_body()


def test_a_schema_that_is_no_json_cannot_be_sent():
    with pytest.raises(InvalidRequestError, match="cannot be written as JSON"):
        ChatRequest(model="cygnet", messages=[HELLO], tools=[tool({"default": object()})]).to_body()


def test_a_moderation_asks_what_was_given():
    assert {"input": "x"} == json.loads(ModerationRequest(input="x").to_body())
    full = ModerationRequest(input="x", moderation_prompt="y", rewrite=False)
    assert {"input": "x", "moderation_prompt": "y", "rewrite": False} == json.loads(full.to_body())


# --- what we receive


def test_an_answer_is_read_field_by_field():
    answer = {
        "id": "chat-1",
        "object": "chat.completion",
        "created": 1735689600,
        "model": "cygnet-v0.2",
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "message": {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "c",
                            "type": "function",
                            "function": {"name": "f", "arguments": "{}"},
                        }
                    ],
                    "refusal": None,
                },
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
        "system_fingerprint": "fp",
    }
    assert answer == parse(ChatResponse, json.dumps(answer).encode()).model_dump()


def test_unknown_fields_are_kept():
    data = b'{"choices": [{"delta": {"reasoning": "hm"}}], "service_tier": "x"}'
    assert json.loads(data) == parse_chunk(data)
    answer = parse(ChatResponse, b'{"choices": [{"message": {"mood": "hm"}}], "tier": "x"}')
    assert {"tier": "x"} == answer.model_extra
    assert {"mood": "hm"} == answer.choices[0].message.model_extra


def test_a_new_finish_reason_is_kept():
    chunk = parse_chunk(b'{"choices": [{"finish_reason": "tomorrow"}]}')
    assert "tomorrow" == chunk["choices"][0]["finish_reason"]


_optional = {
    "id": st.just("chat-1"),
    "object": st.just("chat.completion.chunk"),
    "created": st.just(1),
    "model": st.just("cygnet"),
    "choices": st.lists(
        st.none()
        | st.fixed_dictionaries(
            {},
            optional={
                "index": st.none() | st.just(0),
                "delta": st.none()
                | st.fixed_dictionaries(
                    {},
                    optional={
                        "role": st.none(),
                        "content": st.none() | st.text(max_size=3),
                        "tool_calls": st.none()
                        | st.lists(
                            st.none()
                            | st.fixed_dictionaries(
                                {},
                                optional={
                                    "index": st.none() | st.just(1),
                                    "id": st.none(),
                                    "type": st.none(),
                                    "function": st.none()
                                    | st.fixed_dictionaries(
                                        {}, optional={"name": st.none(), "arguments": st.none()}
                                    ),
                                },
                            ),
                            max_size=2,
                        ),
                    },
                ),
                "finish_reason": st.none() | st.just("stop"),
            },
        ),
        max_size=2,
    ),
    "usage": st.fixed_dictionaries({}, optional={"prompt_tokens": st.none() | st.just(1)}),
}


@given(
    st.fixed_dictionaries(
        {}, optional={name: st.none() | values for name, values in _optional.items()}
    )
)
def test_null_is_absent_wherever_a_chunk_may_hold_it(chunk):
    def without_nulls(value):
        if isinstance(value, dict):
            return {name: without_nulls(item) for name, item in value.items() if item is not None}
        if isinstance(value, list):
            return [without_nulls(item) for item in value if item is not None]
        return value

    assert without_nulls(chunk) == without_nulls(parse_chunk(json.dumps(chunk).encode()))


_nonsense = st.binary(max_size=30) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "message", "delta", "usage", "flagged", "detected", "index"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
).map(lambda value: json.dumps(value).encode())


@given(st.sampled_from([ChatResponse, ModerationResponse]), _nonsense)
def test_any_bytes_are_of_the_type_or_a_value_error(kind, data):
    try:
        parsed = parse(kind, data)
    except ValueError:
        return
    assert isinstance(parsed, kind)


@given(_nonsense)
def test_any_bytes_are_a_chunk_or_a_value_error(data):
    try:
        chunk = parse_chunk(data)
    except ValueError:
        return
    assert isinstance(chunk, dict)
    for choice in chunk.get("choices", ()):
        assert isinstance(choice.get("delta", {}), dict)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b'{"id": "\xc3("}',
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"created": ' + b"9" * 5000 + b"}",
        b'{"choices": {}}',
        b'{"choices": [1]}',
        b'{"choices": [{"delta": {"content": "\\ud83d"}}]}',
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_chunk_is_a_value_error(data):
    with pytest.raises(ValueError):  # noqa: PT011 - the words are pydantic's
        parse_chunk(data)


@pytest.mark.parametrize("missing", ["flagged", "detected", "passed"])
def test_a_moderation_without_its_verdict_is_none(missing):
    verdict = {"flagged": True, "detected": 1, "passed": 0}
    del verdict[missing]
    with pytest.raises(ValidationError):
        parse(ModerationResponse, json.dumps(verdict).encode())
