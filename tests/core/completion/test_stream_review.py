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

    def feed(self, chunk):
        self.answer.add(chunk, self.review.sieve)
        return list(self.review.admit(chunk, self.answer))

    def end(self):
        self.review.end(self.answer)


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
    with pytest.raises(ToolCallArgumentsError) as caught:
        cut.feed(chunk(call(": 100"), finish_reason="length"))
    (kept,) = caught.value.partial.choices[0].message.tool_calls
    assert '{"amount": 100' == kept.function.arguments


def test_a_stream_without_a_finish_reason_is_judged_at_its_end(stream):
    cut = stream()
    cut.feed(chunk(call('{"amount": 100')))
    with pytest.raises(ToolCallArgumentsError):
        cut.end()


def test_a_streamed_refusal_may_be_an_error(stream):
    refusing = stream(raise_on_content_filter=True)
    refusing.feed(chunk(content="N"))
    with pytest.raises(ContentFilterError) as caught:
        refusing.feed(chunk(content="o", finish_reason="violation"))
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


def test_where_a_call_is_required_text_waits_for_it(stream):
    waiting = stream(tool_required=True)
    text, begun = chunk(content="Well,"), chunk(call("{"))
    assert [] == waiting.feed(text)
    assert [text, begun] == waiting.feed(begun)
    assert 1 == len(waiting.feed(chunk(call("}"), finish_reason="tool_calls")))


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
