from __future__ import annotations

import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from grayswan_core.wire import (
    ChatResponse,
    ModerationResponse,
    Usage,
    parse,
    parse_chunk,
)


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
        b'{"choices": {}}',
        b'{"choices": [1]}',
        b'{"choices": [{"delta": {"content": "\\ud83"}}]}',
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_chunk_is_a_value_error(data):
    with pytest.raises(ValueError):  # noqa: PT011 - the words are pydantic's
        parse_chunk(data)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"half \ud83d", r"half \ud83d"),
        (r"\ud83d\ud83d\ude00", r"\ud83d😀"),
        (r"\uDE00\uD83D", r"\uDE00\uD83D"),
        (r"\ud83d\\ude00", r"\ud83d\ude00"),
        (r"\\\ud83d \\ud83d", r"\\ud83d \ud83d"),
        (r"\ud83d \ud7ff\ue000\n", "\\ud83d \ud7ff\ue000\n"),
    ],
)
def test_half_a_character_is_read_as_the_escape_that_it_is_written_as(written, read):
    """It is no text, and one bad token must not end a conversation."""
    whole = f'{{"choices": [{{"message": {{"content": "{written}"}}}}]}}'.encode()
    assert read == parse(ChatResponse, whole).choices[0].message.content
    part = f'{{"choices": [{{"delta": {{"content": "{written}"}}}}]}}'.encode()
    assert read == parse_chunk(part)["choices"][0]["delta"]["content"]


def test_arguments_that_are_no_text_are_read():
    """Some gateways write them as an object."""
    given = {"a": [1, None, "x"], "role": 3, "b": {}}
    call = {"id": "1", "function": {"name": "f", "arguments": given}}
    whole = json.dumps({"choices": [{"message": {"tool_calls": [call]}}]}).encode()
    (read,) = parse(ChatResponse, whole).choices[0].message.tool_calls
    assert given == json.loads(read.function.arguments)
    part = json.dumps({"choices": [{"delta": {"tool_calls": [call]}}]}).encode()
    (delta,) = parse_chunk(part)["choices"][0]["delta"]["tool_calls"]
    assert given == json.loads(delta["function"]["arguments"])


@pytest.mark.parametrize("missing", ["flagged", "detected", "passed"])
def test_a_moderation_without_its_verdict_is_none(missing):
    verdict = {"flagged": True, "detected": 1, "passed": 0}
    del verdict[missing]
    with pytest.raises(ValidationError):
        parse(ModerationResponse, json.dumps(verdict).encode())


ODD_TEXTS = [17, 1.5, 0, True, None, [], {}, ["x"], float("nan")]
ODD_NUMBERS = [1.5, "12", "1.5", "soon", None, [], {}, True, -1, 10**400, 1e308, float("inf")]
ODD_FIELDS = [
    *product(["id", "object", "model", "system_fingerprint"], ODD_TEXTS),
    *product(["created"], ODD_NUMBERS),
    *product(["usage"], [17, "none", [], {"prompt_tokens": "many"}, {"total_tokens": [1]}]),
    *(("usage", {"prompt_tokens": odd, "total_tokens": 3}) for odd in ODD_NUMBERS),
]


@pytest.mark.parametrize(("name", "value"), ODD_FIELDS)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_an_odd_value_where_no_answer_stands_costs_nothing(name, value, mark):
    message = {"content": "Hi", "tool_calls": [{"id": 7, "type": 1, "function": {"name": "f"}}]}
    whole = {name: value, "choices": [{"finish_reason": "stop", "message": message}]}
    answer = parse(ChatResponse, mark + json.dumps(whole).encode())
    assert "Hi" == answer.choices[0].message.content
    assert ["7"] == [call.id for call in answer.choices[0].message.tool_calls]
    part = {name: value, "choices": [{"delta": {"content": "Hi", "role": 3}}]}
    chunk = parse_chunk(mark + json.dumps(part).encode())
    assert "Hi" == chunk["choices"][0]["delta"]["content"]
    verdict = {name: value, "flagged": True, "detected": 1, "passed": 0}
    assert parse(ModerationResponse, mark + json.dumps(verdict).encode()).flagged


def test_what_an_odd_value_says_is_kept():
    odd = {"id": 17, "created": 1735689600.5, "usage": {"prompt_tokens": 2.5, "total_tokens": "4"}}
    answer = parse(ChatResponse, json.dumps({**odd, "choices": [{"message": {}}]}).encode())
    assert ("17", 1735689600) == (answer.id, answer.created)
    assert (2, 4) == (answer.usage.prompt_tokens, answer.usage.total_tokens)


@pytest.mark.parametrize("value", [17, 1.5, True, [], {}])
@pytest.mark.parametrize("name", ["content", "refusal"])
def test_an_odd_value_where_the_answer_stands_is_an_error(name, value):
    whole = {"choices": [{"message": {name: value}}]}
    with pytest.raises(ValidationError):
        parse(ChatResponse, json.dumps(whole).encode())
    with pytest.raises(ValidationError):
        parse_chunk(json.dumps({"choices": [{"delta": {name: value}}]}).encode())


def test_a_total_that_is_missing_is_the_sum():
    assert 8 == Usage(prompt_tokens=5, completion_tokens=3).total_tokens
    assert 9 == Usage(prompt_tokens=5, completion_tokens=3, total_tokens=9).total_tokens


def test_usage_is_added_with_its_details():
    one = Usage.model_validate(
        {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}, "tier": "a", "x": {}}
    )
    two = Usage.model_validate(
        {"prompt_tokens": 7, "prompt_tokens_details": {"cached_tokens": 5, "audio": 1}, "x": 3}
    )
    total = one + two
    assert (12, 12) == (total.prompt_tokens, total.total_tokens)
    assert {"cached_tokens": 9, "audio": 1} == total.prompt_tokens_details
    assert "a" == total.tier


LEGACY = {"name": "f", "arguments": '{"a": 1}'}


def test_a_legacy_function_call_is_read_as_a_tool_call():
    body = {"choices": [{"message": {"content": None, "function_call": LEGACY}}]}
    (call,) = parse(ChatResponse, json.dumps(body).encode()).choices[0].message.tool_calls
    assert LEGACY == call.function.model_dump()


def test_a_streamed_legacy_function_call_is_read_as_a_tool_call():
    body = {"choices": [{"delta": {"function_call": LEGACY}}, {"delta": {"content": "x"}}, {}]}
    legacy, text, empty = parse_chunk(json.dumps(body).encode())["choices"]
    assert [{"index": 0, "function": LEGACY}] == legacy["delta"]["tool_calls"]
    assert {"delta": {"content": "x"}} == text
    assert {} == empty
