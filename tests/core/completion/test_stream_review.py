from __future__ import annotations

import pytest

from grayswan_core import (
    ChatRequest,
    Chunk,
    CompletionCall,
    ContentFilterError,
    Message,
    Tool,
    ToolCallArgumentsError,
    ToolCallMissingError,
)
from grayswan_core.completion.required_tool import MAX_CORRECTIONS, Rounds
from grayswan_core.completion.stream_review import StreamReview
from grayswan_core.decoding.accumulate import Accumulator
from grayswan_core.wire import FunctionDefinition

REQUEST = ChatRequest(
    model="cygnet",
    messages=[Message(role="user", content="Pay.")],
    tools=[
        Tool(function=FunctionDefinition(name=name, description="", parameters={}))
        for name in ("pay", "look")
    ],
)


def call(arguments, name="pay", index=0):
    return {"index": index, "id": "call_1", "function": {"name": name, "arguments": arguments}}


def chunk(*calls, finish_reason=None, content=None, usage=None):
    delta = {"content": content, "tool_calls": list(calls) or None}
    return Chunk({"choices": [{"delta": delta, "finish_reason": finish_reason}], "usage": usage})


class Stream:
    """A round as `ChunkStream` drives it."""

    def __init__(self, rounds):
        self.answer = Accumulator()
        self.review = StreamReview(rounds)
        self.review.clear()

    def feed(self, chunk):
        self.answer.add(chunk, self.review.sieve)
        return list(self.review.admit(chunk, self.answer))

    def end(self):
        return list(self.review.end(self.answer))


@pytest.fixture
def rounds():
    return lambda **given: Rounds(CompletionCall(REQUEST, **given))


@pytest.fixture
def stream(rounds):
    return lambda **given: Stream(rounds(**given))


def test_the_chunk_that_ends_a_truncated_call_is_not_handed_out(stream):
    cut = stream()
    first = chunk(call('{"amount"'), content="So:")
    assert [first] == cut.feed(first)
    assert [] == cut.feed(chunk(call(": 100"), finish_reason="length"))
    assert [] == cut.feed(Chunk(choices=[], usage={"prompt_tokens": 5, "completion_tokens": 3}))
    with pytest.raises(ToolCallArgumentsError) as caught:
        cut.end()
    (kept,) = caught.value.partial.choices[0].message.tool_calls
    assert '{"amount": 100' == kept.function.arguments
    assert 8 == caught.value.partial.usage.total_tokens


def test_a_finish_reason_in_every_chunk_truncates_no_call_that_goes_on(stream):
    going_on = stream()
    pieces = [chunk(call('{"amount"'), finish_reason="length")]
    pieces += [chunk(call(piece, None), finish_reason="length") for piece in (": 1", "}")]
    handed_out = [given for each in pieces for given in going_on.feed(each)]
    handed_out += going_on.end()
    joined = Accumulator()
    for each in handed_out:
        joined.add(each)
    assert [("call_1", "pay", '{"amount": 1}')] == joined.calls()
    assert joined.finished()


def test_a_stream_without_a_finish_reason_is_judged_at_its_end(stream):
    cut = stream()
    cut.feed(chunk(call('{"amount": 100')))
    with pytest.raises(ToolCallArgumentsError):
        cut.end()


def test_a_streamed_refusal_may_be_an_error(stream):
    refusing = stream(raise_on_content_filter=True)
    refusing.feed(chunk(content="N"))
    assert [] == refusing.feed(chunk(content="o", finish_reason="violation"))
    with pytest.raises(ContentFilterError) as caught:
        refusing.end()
    assert "No" == caught.value.partial_text


def test_good_streams_pass(rounds):
    call = rounds()
    good = Stream(call)
    for each in (chunk(content="Hi"), chunk(finish_reason="stop"), Chunk()):
        assert [each] == good.feed(each)
    good.end()
    assert [] == list(call)


def test_an_empty_stream_passes(stream):
    stream().end()


def test_of_several_calls_only_the_first_is_handed_out(stream):
    alone = stream(parallel_tool_calls=False)
    (handed_out,) = alone.feed(chunk(call("{}"), call("{}", index=1)))
    assert [0] == [each["index"] for each in handed_out["choices"][0]["delta"]["tool_calls"]]
    (nothing,) = alone.feed(chunk(call("{}", index=2)))
    assert [] == nothing["choices"][0]["delta"]["tool_calls"]


def test_the_first_call_on_offer_is_kept_whatever_its_index(stream):
    alone = stream(parallel_tool_calls=False)
    strange, first = call("{}", "steal", index=1), call("{}", "look", index=2)
    end = chunk(finish_reason="tool_calls")
    assert [[], [first], [], None] == [
        handed_out["choices"][0]["delta"]["tool_calls"]
        for each in (chunk(strange), chunk(first), chunk(call("{}", index=3)), end)
        for handed_out in alone.feed(each)
    ]


@pytest.mark.parametrize("finish_reason", ["tool_calls", None])
def test_where_no_call_is_on_offer_the_first_is_kept(stream, finish_reason):
    alone = stream(parallel_tool_calls=False)
    strange, other = call("{}", "steal", index=1), call("{}", "rob", index=2)
    handed_out = [*alone.feed(chunk(strange, other, finish_reason=finish_reason)), *alone.end()]
    calls = [each["choices"][0]["delta"]["tool_calls"] for each in handed_out if each["choices"]]
    assert [strange] == [each for some in calls for each in some]


def test_a_call_that_is_kept_in_the_end_is_one_delta(stream):
    alone = stream(parallel_tool_calls=False)
    pieces = [call('{"a"', "steal"), call(": 1", None), call("}", None)]
    handed_out = [given for piece in pieces for given in alone.feed(chunk(piece))]
    handed_out += alone.feed(chunk(finish_reason="tool_calls"))
    calls = [each["choices"][0]["delta"]["tool_calls"] for each in handed_out]
    (kept,) = [each for some in calls for each in some or ()]
    assert {"name": "steal", "arguments": '{"a": 1}'} == kept["function"]
    assert [("call_1", "steal", '{"a": 1}')] == alone.answer.calls()


def test_where_a_call_is_required_chunks_wait_until_it_is_whole(stream):
    waiting = stream(tool_required=True)
    rest = chunk(call("}", name=None), finish_reason="stop")
    chunks = [chunk(content="Well,"), chunk(call("{")), rest]
    assert [[], [], chunks] == [waiting.feed(each) for each in chunks]
    assert [] == waiting.end()


def test_a_required_call_needs_no_finish_reason(stream):
    waiting = stream(tool_required=True)
    begun = chunk(call("{}"))
    assert [] == waiting.feed(begun)
    assert [begun] == waiting.end()


def test_a_call_that_cannot_be_read_settles_nothing(rounds):
    asked = rounds(tool_required=True)
    answers = iter(['{"amount": oops', '{"amount": 1}'])
    handed_out = []
    for _ in asked:
        stream = Stream(asked)
        handed_out += stream.feed(chunk(call(next(answers)), finish_reason="tool_calls"))
        stream.end()
    assert ['{"amount": 1}'] == [
        each["function"]["arguments"]
        for chunk in handed_out
        for each in chunk["choices"][0]["delta"]["tool_calls"]
    ]


def test_what_a_broken_try_held_back_is_forgotten(stream):
    waiting = stream(tool_required=True)
    waiting.feed(chunk(content="Well,"))
    waiting.answer.clear()
    waiting.review.clear()
    whole = chunk(call("{}"), finish_reason="tool_calls")
    assert [whole] == waiting.feed(whole)


def test_usage_of_earlier_rounds_is_told_where_the_last_has_none(rounds):
    asked = rounds(tool_required=True)
    usage = {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}
    answers = iter([chunk(content="Paid!", finish_reason="stop", usage=usage)])
    handed_out = []
    for _ in asked:
        stream = Stream(asked)
        last = chunk(call("{}"), finish_reason="tool_calls")
        handed_out += [*stream.feed(next(answers, last)), *stream.end()]
    assert usage == handed_out[-1]["usage"]


def test_a_refusal_needs_no_call(stream):
    refusing = stream(tool_required=True)
    assert 1 == len(refusing.feed(chunk(content="No.", finish_reason="violation")))


def test_text_alone_is_asked_for_again_and_each_round_is_counted_once(rounds):
    asked = rounds(tool_required=True)
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    requests = []
    for number, request in enumerate(asked):
        requests.append(request)
        stream = Stream(asked)
        if number < MAX_CORRECTIONS:
            assert [] == stream.feed(chunk(content="Paid!", finish_reason="stop", usage=usage))
        else:
            (handed_out,) = stream.feed(chunk(call("{}"), finish_reason="tool_calls", usage=usage))
        stream.end()
    assert [1, 3, 5] == [len(request.messages) for request in requests]
    assert "one of these tools, not in text: ['pay', 'look']" in requests[1].messages[-1].content
    rounds_made = MAX_CORRECTIONS + 1
    assert {name: rounds_made * count for name, count in usage.items()} == handed_out["usage"]


def test_text_alone_to_the_end_is_an_error_with_all_usage(rounds):
    asked = rounds(tool_required=True)
    usage = {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}

    def ask_in_vain():
        for _ in asked:
            stream = Stream(asked)
            stream.feed(chunk(content="Paid!", finish_reason="stop", usage=usage))
            stream.end()

    with pytest.raises(ToolCallMissingError, match="asked 3 times") as caught:
        ask_in_vain()
    assert "Paid!" == caught.value.partial_text
    assert 18 == caught.value.partial.usage.total_tokens


def test_text_cut_for_length_is_not_asked_for_again(stream):
    cut = stream(tool_required=True)
    cut.feed(chunk(content="Well", finish_reason="length"))
    with pytest.raises(ToolCallMissingError, match=r"asked once, finish reason 'length'"):
        cut.end()


@pytest.mark.parametrize("first", [0, 1, 5])
def test_the_first_call_that_comes_is_kept_in_each_choice(stream, first):
    alone = stream(parallel_tool_calls=False)
    pieces = [call("{", index=first), call("}", index=first), call("{}", index=first + 1)]
    for each in (pieces[0], pieces[2], pieces[1]):
        alone.feed(chunk(each))
    (kept,) = alone.answer.response().choices[0].message.tool_calls
    assert "{}" == kept.function.arguments


def test_a_finish_reason_waits_until_the_arguments_are_whole(stream):
    repeating = stream()
    reasons = []
    for piece in ("", '{"amount"', ": 1", "}"):
        (handed_out,) = repeating.feed(chunk(call(piece), finish_reason="stop"))
        reasons.append(handed_out["choices"][0]["finish_reason"])
    assert [None, None, None, "stop"] == reasons
    assert [] == repeating.end()


def test_a_finish_reason_that_waited_is_handed_out_at_the_end(stream):
    broken = stream()
    (handed_out,) = broken.feed(chunk(call("{nonsense"), finish_reason="tool_calls"))
    assert handed_out["choices"][0]["finish_reason"] is None
    (last,) = broken.end()
    assert [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}] == last["choices"]


def test_a_finish_reason_before_a_required_call_waits_too(stream):
    waiting = stream(tool_required=True)
    assert [] == waiting.feed(chunk(content="Well,", finish_reason="stop"))
    assert [] == waiting.feed(chunk(call("{"), finish_reason="stop"))
    handed_out = waiting.feed(chunk(call("}", name=None), finish_reason="stop"))
    reasons = [each["choices"][0]["finish_reason"] for each in handed_out]
    assert [None, None, "stop"] == reasons
    assert [] == waiting.end()


def test_a_new_try_begins_with_nothing_held_back(stream):
    again = stream(tool_required=True, parallel_tool_calls=False)
    again.feed(chunk(content="Well,", finish_reason="stop"))
    again.answer.clear()
    again.review.clear()
    whole = chunk(call("{}", index=1), finish_reason="tool_calls")
    assert [whole] == again.feed(whole)
    assert [] == again.end()
