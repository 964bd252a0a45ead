from __future__ import annotations

import json
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from grayswan_core.wire import (
    ChatRequest,
    FunctionDefinition,
    Message,
    ModerationRequest,
    NamedToolChoice,
    Tool,
    ToolCall,
)

HELLO = Message(role="user", content="Hello")


def tool(parameters=None):
    return Tool(function=FunctionDefinition(name="f", description="d", parameters=parameters or {}))


def body(**fields):
    return json.loads(ChatRequest(model="cygnet", messages=[HELLO], **fields).to_body())


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
    with pytest.raises(ValueError, match="cannot be written as JSON"):
        ChatRequest(model="cygnet", messages=[message]).to_body()
    with pytest.raises(ValueError, match="cannot be written as JSON"):
        ModerationRequest(input="\ud83d").to_body()


def nested(levels):
    schema = {"type": "string"}
    for _ in range(levels):
        schema = {"properties": {"a": schema}}
    return schema


def referring_to_itself():
    schema = {"type": "object", "properties": {}}
    schema["properties"]["again"] = schema
    return schema


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (referring_to_itself(), "refers to itself"),
        (nested(1_000), "nested more than"),
        (nested(100_000), "nested more than"),
        ({"default": float("nan")}, "NaN and Infinity"),
        ({"maximum": float("inf")}, "NaN and Infinity"),
        ({"enum": [1, [float("-inf")]]}, "NaN and Infinity"),
        ({"default": object()}, "unknown type"),
        ({"default": b"\xff"}, "utf-8"),
        ({"default": "\ud83d"}, "surrogates"),
        ({object(): 1}, "."),
    ],
    ids=["itself", "1,000", "100,000", "NaN", "inf", "-inf", "object", "bytes", "half", "key"],
)
def test_a_schema_that_is_no_json_is_refused_with_the_reason(schema, reason):
    with pytest.raises(ValidationError, match=reason):
        tool(schema)


def test_a_schema_a_hundred_levels_deep_is_sent():
    schema = nested(90)
    assert schema == body(tools=[tool(schema)])["tools"][0]["function"]["parameters"]


def test_a_schema_is_plain_json_so_that_no_text_in_it_is_overlooked():
    class Colour(Enum):
        RED = "red"

    schema = {"enum": {"red"}, "const": Colour.RED, "examples": ("a",), 1: "b"}
    plain = {"enum": ["red"], "const": "red", "examples": ["a"], "1": "b"}
    assert plain == tool(schema).function.parameters


def test_a_moderation_asks_what_was_given():
    assert {"input": "x"} == json.loads(ModerationRequest(input="x").to_body())
    full = ModerationRequest(input="x", moderation_prompt="y", rewrite=False)
    assert {"input": "x", "moderation_prompt": "y", "rewrite": False} == json.loads(full.to_body())
