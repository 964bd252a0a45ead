import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grayswan_devserver.problems import InvalidBodyError
from grayswan_devserver.validation import MAX_CHOICES, chat_request, moderation_request

EVERYTHING = {
    "messages": [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "u"},
        {"role": "data", "content": "d"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "content": "t", "tool_call_id": "1"},
    ],
    "model": "cygnet",
    "max_tokens": 5,
    "temperature": 0.5,
    "top_p": 0.5,
    "frequency_penalty": 0.1,
    "n": 2,
    "stream": False,
    "tools": [{"type": "function", "function": {"name": "f", "description": "", "parameters": {}}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "moderate_before": True,
}


def _problems(raw):
    with pytest.raises(InvalidBodyError) as caught:
        chat_request(raw if isinstance(raw, bytes) else json.dumps(raw).encode())
    return [(problem["type"], problem["loc"]) for problem in caught.value.body["detail"]]


def test_every_parameter_of_the_contract_is_accepted():
    request = chat_request(json.dumps(EVERYTHING).encode())
    assert set(EVERYTHING) == request.model_fields_set


@pytest.mark.parametrize(
    "field",
    ["stop", "response_format", "seed", "stream_options", "presence_penalty", "user", "logprobs"],
)
def test_no_other_parameter_is(field):
    assert _problems({**EVERYTHING, field: None}) == [("extra_forbidden", ["body", field])]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"messages": []}, ("too_short", ["body", "messages"])),
        ({"max_tokens": 0}, ("greater_than_equal", ["body", "max_tokens"])),
        ({"n": MAX_CHOICES + 1}, ("less_than_equal", ["body", "n"])),
        (
            {"messages": [{"role": "robot", "content": ""}]},
            ("literal_error", ["body", "messages", 0, "role"]),
        ),
        (
            {"messages": [{"role": "tool", "content": ""}]},
            ("missing", ["body", "messages", 0, "tool_call_id"]),
        ),
        (
            {"tool_choice": {"type": "function", "function": {"name": "other"}}},
            ("value_error", ["body", "tool_choice", "function", "name"]),
        ),
    ],
)
def test_wrong_values(change, problem):
    assert _problems({**EVERYTHING, **change}) == [problem]


def test_required_is_no_tool_choice():
    assert {loc[1] for _, loc in _problems({**EVERYTHING, "tool_choice": "required"})} == {
        "tool_choice"
    }


@pytest.mark.parametrize(
    "raw", [b"{", b"nope", b'{"n": NaN}', b'{"n": 1e999}', b"\xff\xfe{", b"[" * 100_000]
)
def test_what_is_not_json(raw):
    assert _problems(raw)[0][0] == "json_invalid"


def test_no_body_and_another_type_of_body():
    assert _problems(b"") == [("missing", ["body"])]
    assert _problems(b"[1]") == [("model_attributes_type", ["body"])]


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(raw):
    try:
        chat_request(raw)
    except InvalidBodyError as error:
        json.dumps(error.body, allow_nan=False)


def test_moderation_has_its_own_fields():
    assert moderation_request(b'{"input": "x", "rewrite": true}').rewrite is True
    with pytest.raises(InvalidBodyError):
        moderation_request(b'{"text": "x"}')
