from __future__ import annotations

from grayswan_core.decoding.accumulate import Accumulator
from grayswan_core.wire import ChatResponse, Choice, Chunk, ResponseMessage, Usage


def added(*chunks):
    accumulator = Accumulator()
    for chunk in chunks:
        accumulator.add(Chunk(chunk))
    return accumulator


def text(content, *, index=0, finish_reason=None):
    return {"index": index, "delta": {"content": content}, "finish_reason": finish_reason}


def test_nothing_is_no_answer():
    accumulator = added()
    assert not accumulator.finished()
    assert accumulator.response() is None


def test_chunks_add_up_to_the_answer_a_plain_request_gets():
    head = {"id": "chat-1", "created": 7, "model": "cygnet-v0.2", "system_fingerprint": "fp"}
    accumulator = added(
        {**head, "choices": [{"delta": {"role": "assistant"}}]},
        {**head, "choices": [text("Hel")]},
        {**head, "choices": [text("lo")]},
        {**head, "choices": [text(None, finish_reason="stop")]},
        {**head, "choices": [], "usage": {"prompt_tokens": 1, "total_tokens": 3}},
    )
    assert accumulator.finished()
    assert (
        ChatResponse(
            **head,
            choices=[
                Choice(index=0, finish_reason="stop", message=ResponseMessage(content="Hello"))
            ],
            usage=Usage(prompt_tokens=1, total_tokens=3),
        )
        == accumulator.response()
    )


def test_choices_are_kept_apart_and_in_order():
    response = added(
        {"choices": [text("b", index=1)]},
        {"choices": [text("a", index=0), text("B", index=1, finish_reason="length")]},
    ).response()
    assert [(0, "a", None), (1, "bB", "length")] == [
        (choice.index, choice.message.content, choice.finish_reason) for choice in response.choices
    ]


def test_an_answer_is_finished_when_each_choice_begun_and_expected_is():
    one = {"choices": [text("a", finish_reason="stop")]}
    other = {"choices": [text("b", index=1)]}
    end = {"choices": [text(None, index=1, finish_reason="stop")]}
    assert added(one).finished()
    assert not added(one).finished(expected_choices=2)
    assert not added(one, other).finished()
    assert added(one, other, end).finished(expected_choices=2)


def test_tool_calls_are_joined():
    response = added(
        {"choices": [{"delta": {"tool_calls": [{"id": "c", "function": {"name": "f"}}]}}]},
        {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": "{}"}}]}}]},
    ).response()
    (call,) = response.choices[0].message.tool_calls
    assert ("c", "f", "{}") == (call.id, call.function.name, call.function.arguments)


def test_a_refusal_is_joined():
    response = added(
        {"choices": [{"delta": {"refusal": "I can"}}]},
        {"choices": [{"delta": {"refusal": "not."}, "finish_reason": "violation"}]},
    ).response()
    assert "I cannot." == response.choices[0].message.refusal


def test_usage_alone_is_no_answer():
    accumulator = added({"usage": {"prompt_tokens": 1}})
    assert not accumulator.has_choices
    assert accumulator.response() is None


def test_the_latest_usage_counts_and_null_does_not_wipe_it_out():
    response = added(
        {"choices": [text("a")], "usage": {"completion_tokens": 1}},
        {"choices": [text("b")], "usage": {"completion_tokens": 2}},
        {"choices": [text("c")], "usage": None},
    ).response()
    assert 2 == response.usage.completion_tokens


def test_looking_at_the_answer_so_far_does_not_change_it():
    accumulator = added({"choices": [text("a")]})
    assert accumulator.response() == accumulator.response()
    accumulator.add(Chunk({"choices": [text("b")]}))
    assert "ab" == accumulator.response().choices[0].message.content


def test_cleared_it_begins_anew():
    accumulator = added({"id": "chat-1", "choices": [text("Hello", finish_reason="stop")]})
    accumulator.clear()
    assert accumulator.response() is None
    accumulator.add(Chunk({"id": "chat-2", "choices": [text("Bye")]}))
    response = accumulator.response()
    assert ("chat-2", "Bye") == (response.id, response.choices[0].message.content)


def test_calls_are_those_of_the_first_choice_so_far():
    accumulator = added()
    assert [] == accumulator.calls()
    call = {"id": "c", "function": {"name": "f", "arguments": '{"a"'}}
    accumulator.add(Chunk({"choices": [{"delta": {"tool_calls": [call]}}, text("b", index=1)]}))
    assert [("c", "f", '{"a"')] == accumulator.calls()


def test_chunks_are_given_the_index_and_id_of_their_calls():
    calls = [{"function": {"name": name, "arguments": "{}"}} for name in ("f", "g")]
    accumulator = added({"choices": [{"delta": {"tool_calls": calls}}]})
    assert [0, 1] == [each["index"] for each in calls]
    assert [each["id"] for each in calls] == [each.id for each in accumulator.calls()]


def test_what_a_sieve_takes_out_is_not_added_up():
    def sieve(choice):
        calls = choice["delta"]["tool_calls"]
        choice["delta"]["tool_calls"] = [each for each in calls if each["index"] == 0]

    accumulator = Accumulator()
    calls = [{"function": {"name": name, "arguments": "{}"}} for name in ("f", "g")]
    accumulator.add(Chunk({"choices": [{"delta": {"tool_calls": calls}}]}), sieve)
    assert ["f"] == [each.name for each in accumulator.calls()]
