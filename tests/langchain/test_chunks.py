from __future__ import annotations

import copy
import functools
import operator
import pickle

import pytest
from langchain_core.load import dumps
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessageChunk,
    message_chunk_to_message,
)
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk
from langgraph.graph import add_messages

from langchain_grayswan.chunks import ResponseChunk, read_call

BROKEN = '{"amount": 100'


def call_chunk(args, index=0, **fields):
    return ResponseChunk(
        content="", tool_call_chunks=[tool_call_chunk(args=args, index=index, **fields)]
    )


def last(finish_reason="tool_calls"):
    metadata = {"finish_reason": finish_reason}
    return ResponseChunk(content="", response_metadata=metadata, chunk_position="last")


def stream_of(*pieces, finish_reason="tool_calls"):
    first, *rest = pieces
    begun = call_chunk(first, id="1", name="pay")
    return [begun, *(call_chunk(piece) for piece in rest), last(finish_reason)]


SUMS = {
    "one by one": lambda chunks: functools.reduce(operator.add, chunks),
    "a list": lambda chunks: chunks[0] + chunks[1:],
    "to a plain chunk": lambda chunks: functools.reduce(
        operator.add, chunks, AIMessageChunk(content="")
    ),
    "generations": lambda chunks: (
        functools.reduce(
            operator.add, [ChatGenerationChunk(message=each) for each in chunks]
        ).message
    ),
}


@pytest.mark.parametrize("add", SUMS.values(), ids=SUMS)
@pytest.mark.parametrize("arguments", [BROKEN, '{"a": 1}{"b": 2}', "nonsense", "[1]"])
def test_broken_arguments_are_invalid_however_chunks_are_added(add, arguments):
    whole = add(stream_of(*arguments))

    assert whole.tool_calls == []
    assert [call["args"] for call in whole.invalid_tool_calls] == [arguments]
    assert whole.invalid_tool_calls[0]["error"]


@pytest.mark.parametrize("add", SUMS.values(), ids=SUMS)
@pytest.mark.parametrize("finish_reason", ["content_filter", "violation"])
def test_calls_of_a_refusal_are_invalid_however_chunks_are_added(add, finish_reason):
    whole = add(stream_of("{", "}", finish_reason=finish_reason))

    assert whole.tool_calls == []
    assert finish_reason in whole.invalid_tool_calls[0]["error"]


def test_good_calls_are_calls_beside_broken_ones():
    good = call_chunk('{"a": "x\ny"}', index=1, id="2", name="look")
    whole = functools.reduce(operator.add, [*stream_of(BROKEN)[:1], good, last()])

    assert [call["args"] for call in whole.tool_calls] == [{"a": "x\ny"}]
    assert [call["id"] for call in whole.invalid_tool_calls] == ["1"]


def test_until_the_last_chunk_arguments_are_read_as_far_as_they_have_come():
    assert stream_of(BROKEN)[0].tool_calls[0]["args"] == {"amount": 100}


def test_blocks_of_content_are_those_of_the_calls():
    """langchain #33504, with `output_version="v1"`."""
    metadata = {"output_version": "v1", "model_provider": "grayswan"}
    chunks = [
        chunk.model_copy(
            update={
                "content": [{**call, "type": "tool_call_chunk"} for call in chunk.tool_call_chunks],
                "response_metadata": {**metadata, **chunk.response_metadata},
            }
        )
        for chunk in stream_of(BROKEN)
    ]

    (block,) = SUMS["a list"](chunks).content_blocks
    assert (block["type"], block["args"]) == ("invalid_tool_call", BROKEN)


def test_it_becomes_the_message_that_langchain_knows():
    whole = SUMS["a list"](stream_of(BROKEN))

    for message in (message_chunk_to_message(whole), *add_messages([], [whole])):
        assert type(message) is AIMessage
        assert message.tool_calls == []
        assert message.invalid_tool_calls == whole.invalid_tool_calls


def test_it_is_written_as_the_chunk_that_langchain_knows():
    fields = {"content": "Hello", "response_metadata": {"model_provider": "grayswan"}}
    ours, known = ResponseChunk(**fields), AIMessageChunk(**fields)

    assert isinstance(ours, AIMessageChunk)
    assert (repr(ours), dumps(ours)) == (repr(known), dumps(known))
    assert ours.model_dump() == known.model_dump()
    assert copy.deepcopy(ours) == pickle.loads(pickle.dumps(ours)) == ours


def test_another_kind_of_message_is_not_added_to_it():
    with pytest.raises(TypeError):
        1 + ResponseChunk(content="")
    assert type(HumanMessageChunk("Hello") + ResponseChunk(content="")) is HumanMessageChunk


@pytest.mark.parametrize("arguments", [None, "", " ", "null", "{}"])
def test_no_arguments_are_none(arguments):
    """langchain #33896, #34242."""
    call = read_call("1", "now", arguments, "tool_calls")
    assert (call["type"], call["args"]) == ("tool_call", {})
