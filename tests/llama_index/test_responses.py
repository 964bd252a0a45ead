import pickle

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    MessageRole,
    TextBlock,
    ToolCallBlock,
)

from grayswan_core import Accumulator, Chunk
from grayswan_core import ChatResponse as CygnetResponse
from grayswan_core.prototype import Prototype
from llama_index_grayswan import responses
from llama_index_grayswan.responses import ChunkReader, response_from_cygnet

USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
NAMES = {"Box_int_": "Box[int]"}


def answer(message, **fields):
    choice = {"index": 0, "finish_reason": "stop", "message": message, **fields}
    return CygnetResponse.model_validate(
        {"id": "chatcmpl-1", "model": "cygnet", "choices": [choice], "usage": USAGE}
    )


def call(index, **function):
    return {
        "index": index,
        "id": f"call_{index}" if "name" in function else None,
        "function": function,
    }


def chunk(delta=None, *, finish_reason=None, usage=None):
    choices = [] if delta is None else [{"delta": delta, "finish_reason": finish_reason}]
    return Chunk({"id": "chatcmpl-1", "choices": choices, "usage": usage})


def read(*chunks, names=None):
    answer = Accumulator()
    reader = ChunkReader(names or {}, answer)
    found = []
    for each in chunks:
        answer.add(each)
        found.append(reader.read(each))
    return found


def test_an_answer_has_its_text_finish_reason_and_counts():
    found = response_from_cygnet(answer({"content": "Hi"}), {})
    assert found.message.content == "Hi"
    assert found.additional_kwargs == {"finish_reason": "stop", **USAGE}
    assert found.message.additional_kwargs == {}
    assert found.logprobs is None
    assert found.delta is None


@pytest.mark.parametrize("text", ["A", "日本"])
def test_a_response_is_what_llama_index_makes_of_it(text):
    (made,) = read(chunk({"content": text}))

    message = ChatMessage(
        role=MessageRole.ASSISTANT, blocks=[TextBlock(text=text)], additional_kwargs={}
    )
    expected = ChatResponse(message=message, delta=text, raw=made.raw, additional_kwargs={})
    assert made == expected
    assert repr(made) == repr(expected)
    assert made.model_dump() == expected.model_dump()
    assert made.model_dump(exclude_unset=True) == expected.model_dump(exclude_unset=True)
    assert pickle.loads(pickle.dumps(made)) == expected


def test_responses_share_nothing():
    one, other = read(chunk({"content": "A"}), chunk({"content": "B"}))
    one.message.additional_kwargs["mine"] = one.additional_kwargs["mine"] = True
    one.message.blocks.append("mine")
    assert other.message == ChatMessage(role="assistant", content="AB")
    assert other.additional_kwargs == {}


def test_raw_is_everything_as_plain_dicts():
    raw = response_from_cygnet(answer({"content": "Hi", "mood": "good"}), {}).raw
    assert raw["id"] == "chatcmpl-1"
    assert raw["usage"] == USAGE
    assert raw["choices"][0]["message"]["mood"] == "good"


def test_without_usage_the_key_is_there_all_the_same():
    response = answer({"content": "Hi"})
    response.usage = None
    found = response_from_cygnet(response, {})
    assert found.raw["usage"] is None
    assert "prompt_tokens" not in found.additional_kwargs


@pytest.mark.parametrize("message", [{"content": None}, {}, {"content": ""}])
def test_no_content_is_no_text(message):
    assert response_from_cygnet(answer(message), {}).message.content == ""


@pytest.mark.parametrize("reason", ["content_filter", "violation"])
def test_a_refusal_can_be_seen_on_the_response_and_on_the_message(reason):
    refused = answer({"content": None, "refusal": "No."}, finish_reason=reason)
    found = response_from_cygnet(refused, {})
    assert found.message.content == "No."
    assert found.additional_kwargs["content_filter"] is True
    assert found.additional_kwargs["finish_reason"] == reason
    assert found.message.additional_kwargs == {"content_filter": True}


def test_text_and_another_refusal_are_two_blocks():
    said = {"content": "Sure, ", "refusal": "No."}
    found = response_from_cygnet(answer(said, finish_reason="violation"), {}).message
    assert [block.text for block in found.blocks] == ["Sure, ", "No."]
    *_, last = read(
        chunk({"content": "Sure, "}), chunk({"refusal": "No."}, finish_reason="violation")
    )
    assert [block.text for block in last.message.blocks] == ["Sure, ", "No."]
    assert (last.delta, last.message.content) == ("\nNo.", "Sure, \nNo.")


@pytest.mark.parametrize("first", ["content", "refusal"])
def test_a_refusal_that_is_sent_twice_is_shown_once(first):
    other = {"content": "refusal", "refusal": "content"}[first]
    *_, last = read(chunk({first: "No."}), chunk({other: "No."}, finish_reason="violation"))
    assert [block.text for block in last.message.blocks] == ["No."]
    twice = answer({"content": "No.", "refusal": "No."}, finish_reason="violation")
    assert response_from_cygnet(twice, {}).message.content == "No."


@pytest.mark.parametrize("reason", ["content_filter", "violation"])
def test_calls_of_a_refused_response_are_invalid(reason):
    made = {"index": 0, "id": "1", "function": {"name": "Box_int_", "arguments": '{"a"'}}
    message = {"content": None, "tool_calls": [made]}
    whole = response_from_cygnet(answer(message, finish_reason=reason), NAMES).message
    first, last = read(chunk({"tool_calls": [made]}), chunk({}, finish_reason=reason), names=NAMES)
    assert first.message.additional_kwargs["tool_calls"]
    for found in (whole, last.message):
        (invalid,) = found.additional_kwargs["invalid_tool_calls"]
        assert reason in invalid.pop("error")
        assert invalid == {"id": "1", "name": "Box[int]", "args": '{"a"'}
        assert "tool_calls" not in found.additional_kwargs
        assert not [block for block in found.blocks if isinstance(block, ToolCallBlock)]


@pytest.mark.parametrize("arguments", ["", " ", "null", None])
def test_a_call_without_arguments_has_an_empty_object(arguments):
    made = {"id": "1", "function": {"name": "now", "arguments": arguments or ""}}
    whole = response_from_cygnet(answer({"tool_calls": [made]}), {}).message
    *_, last = read(
        chunk({"tool_calls": [{"index": 0, **made}]}), chunk({}, finish_reason="tool_calls")
    )
    for found in (whole, last.message):
        assert found.blocks[-1].tool_kwargs == "{}"
        assert found.additional_kwargs["tool_calls"][0]["function"]["arguments"] == "{}"


def test_a_streamed_refusal_can_be_seen_too():
    *_, last = read(chunk({"refusal": "N"}), chunk({"refusal": "o"}, finish_reason="violation"))
    assert last.message.content == "No"
    assert last.message.additional_kwargs == {"content_filter": True}


def test_calls_are_blocks_and_plain_dicts():
    made = {"id": "call_1", "function": {"name": "Box_int_", "arguments": "{}"}}
    found = response_from_cygnet(answer({"tool_calls": [made]}), NAMES).message
    assert found.blocks == [
        ToolCallBlock(tool_call_id="call_1", tool_name="Box[int]", tool_kwargs="{}")
    ]
    assert found.additional_kwargs["tool_calls"] == [
        {"id": "call_1", "type": "function", "function": {"name": "Box[int]", "arguments": "{}"}}
    ]


def test_streamed_text_is_cumulative_and_exact():
    texts = ["Hel", "", "lo", " ", "\n", "Welt ", "ß"]
    found = read(*(chunk({"content": text}) for text in texts), chunk({}, finish_reason="stop"))
    assert [each.delta for each in found] == [*texts, ""]
    assert [each.message.content for each in found] == [
        "Hel",
        "Hel",
        "Hello",
        "Hello ",
        "Hello \n",
        "Hello \nWelt ",
        "Hello \nWelt ß",
        "Hello \nWelt ß",
    ]


def test_what_was_said_once_is_on_every_later_chunk():
    said = read(
        chunk({"content": "Hi"}),
        chunk({}, finish_reason="stop"),
        chunk(usage=USAGE),
        chunk(),
    )
    assert [each.additional_kwargs.get("finish_reason") for each in said] == [
        None,
        "stop",
        "stop",
        "stop",
    ]
    assert [each.raw["usage"] for each in said] == [None, None, USAGE, USAGE]
    assert [each.additional_kwargs.get("total_tokens") for each in said] == [None, None, 7, 7]


def test_two_calls_in_one_chunk_are_both_kept():
    first, second = call(0, name="a", arguments="{}"), call(1, name="b", arguments='{"x": 1}')
    (found,) = read(chunk({"tool_calls": [first, second]}))
    assert [(b.tool_name, b.tool_kwargs) for b in found.message.blocks[1:]] == [
        ("a", "{}"),
        ("b", '{"x": 1}'),
    ]


def test_interleaved_calls_are_told_apart():
    *_, last = read(
        chunk({"tool_calls": [call(0, name="a", arguments='{"x"')]}),
        chunk({"tool_calls": [call(1, name="b", arguments='{"y"')]}),
        chunk({"tool_calls": [call(0, arguments=": 1}")]}),
        chunk({"tool_calls": [call(1, arguments=": 2}")]}),
        chunk({}, finish_reason="tool_calls"),
    )
    assert [b.tool_kwargs for b in last.message.blocks[1:]] == ['{"x": 1}', '{"y": 2}']


def test_earlier_responses_do_not_change():
    first, second = read(
        chunk({"content": "a", "tool_calls": [call(0, name="Box_int_", arguments="{")]}),
        chunk({"content": "b", "tool_calls": [call(0, arguments="}")]}),
        names=NAMES,
    )
    assert first.message.content == "a"
    assert first.message.blocks[1].tool_kwargs == "{"
    assert second.message.blocks[1].tool_kwargs == "{}"
    assert {first.message.blocks[1].tool_name, second.message.blocks[1].tool_name} == {"Box[int]"}


def test_copied_objects_are_those_that_the_constructors_make():
    """With the installed versions no stream falls back to the slower constructors."""
    prototypes = [each for each in vars(responses).values() if isinstance(each, Prototype)]
    assert prototypes
    for prototype in prototypes:
        prototype.like()
        assert prototype._is_faithful


@pytest.mark.parametrize(
    "opening",
    [{"role": "assistant"}, {"role": "assistant", "content": None}, {"content": ""}, None],
    ids=str,
)
@pytest.mark.parametrize(
    "first",
    [
        {"content": "Hi"},
        {"refusal": "No"},
        {"tool_calls": [{"index": 0, "id": "1", "function": {"name": "f", "arguments": ""}}]},
    ],
    ids=["text", "refusal", "call"],
)
def test_nothing_is_handed_out_before_something_is_said(opening, first):
    withheld, again, found, later = read(
        chunk(opening, usage=USAGE), chunk(opening), chunk(first), chunk({"content": ""})
    )
    assert withheld is again is None
    assert bool(first.get("tool_calls")) == ("tool_calls" in found.message.additional_kwargs)
    assert found.raw["usage"] == USAGE
    assert later is not None


def test_a_response_that_says_nothing_ends_all_the_same():
    withheld, end = read(chunk({"role": "assistant"}), chunk({}, finish_reason="stop"))
    assert withheld is None
    assert (end.message.content, end.additional_kwargs["finish_reason"]) == ("", "stop")


def test_a_stream_yields_at_least_one_response():
    reader = ChunkReader({}, Accumulator())
    assert reader.read(chunk({"role": "assistant"})) is None
    (found,) = reader.rest()
    assert found.message == ChatMessage(role="assistant", content="")
    assert reader.read(chunk({"content": "Hi"})) is not None
    assert list(reader.rest()) == []
