from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage

from grayswan_devserver import Answer, Call
from langchain_grayswan.refusals import refusal_in

PROVIDED = {"model_provider": "grayswan"}


def ended(finish_reason):
    return {**PROVIDED, "finish_reason": finish_reason}


@pytest.mark.parametrize("finish_reason", ["content_filter", "violation"])
def test_an_answer_that_was_withheld_is_a_refusal_block(finish_reason):
    message = AIMessage("I cannot help.", response_metadata=ended(finish_reason))

    assert message.content_blocks == [{"type": "refusal", "refusal": "I cannot help."}]
    assert message.text == "I cannot help."


def test_an_empty_answer_that_was_withheld_is_one_too():
    message = AIMessage("", response_metadata=ended("content_filter"))

    assert message.content_blocks == [{"type": "refusal", "refusal": ""}]


def test_a_text_beside_the_refusal_stays_a_text():
    message = AIMessage(
        "So far:", additional_kwargs={"refusal": "No."}, response_metadata=ended("violation")
    )

    assert message.content_blocks == [
        {"type": "text", "text": "So far:"},
        {"type": "refusal", "refusal": "No."},
    ]


def test_other_answers_are_as_ever():
    calls = [{"id": "1", "name": "add", "args": {"a": 1}}]
    message = AIMessage("Wait.", tool_calls=calls, response_metadata=ended("tool_calls"))

    assert message.content_blocks == [
        {"type": "text", "text": "Wait."},
        {"type": "tool_call", "id": "1", "name": "add", "args": {"a": 1}},
    ]
    assert AIMessage("", response_metadata=PROVIDED).content_blocks == []
    listed = AIMessage([{"type": "text", "text": "Hi"}], response_metadata=PROVIDED)
    assert listed.content_blocks == [{"type": "text", "text": "Hi"}]


def test_a_chunk_shows_pieces_of_calls_beside_its_text():
    piece = {"index": 0, "id": "1", "name": "add", "args": "{"}
    chunk = AIMessageChunk("Wait.", tool_call_chunks=[piece], response_metadata=PROVIDED)

    assert chunk.content_blocks == [
        {"type": "text", "text": "Wait."},
        {"type": "tool_call_chunk", **piece, "index": "lc_tool_call_0"},
    ]


def invoked(model):
    return model.invoke("Hello")


def streamed(model):
    first, *rest = model.stream("Hello")
    return first + rest


@pytest.mark.parametrize("answered", [invoked, streamed])
@pytest.mark.parametrize("finish_reason", ["content_filter", "violation"])
def test_an_answer_of_the_service_shows_its_refusal(model, server, answered, finish_reason):
    server.script(Answer("I cannot help.", finish_reason=finish_reason))

    answer = answered(model)

    assert answer.content_blocks == [{"type": "refusal", "refusal": "I cannot help."}]
    assert answer.response_metadata["finish_reason"] == finish_reason


def test_moderation_before_the_answer_is_a_refusal_too(model, server):
    answer = model.invoke("[[trigger-moderation]]", moderate_before=True)

    assert [block["type"] for block in answer.content_blocks] == ["refusal"]


def test_a_refusal_goes_back_as_what_was_said(model, server):
    server.script(Answer("I cannot help.", finish_reason="content_filter"))
    refused = model.model_copy(update={"output_version": "v1"}).invoke("Hello")
    assert refused.content == [{"type": "refusal", "refusal": "I cannot help."}]

    model.invoke([HumanMessage("Hello"), refused, HumanMessage("Why?")])
    assert server.last.body["messages"][1] == {"role": "assistant", "content": "I cannot help."}


def test_a_stream_of_blocks_ends_with_the_refusal(model, server):
    server.script(Answer("I cannot help.", finish_reason="content_filter"))

    answer = streamed(model.model_copy(update={"output_version": "v1"}))

    # The words had gone out as text before the API said that they were a refusal.
    assert [block["type"] for block in answer.content_blocks] == ["text", "refusal"]
    assert answer.text == "I cannot help."


def test_a_stream_of_blocks_keeps_text_and_calls_apart(model, server):
    calls = [Call("add", {"a": 1}, id="1"), Call("add", {"a": 2}, id="2")]
    server.script(Answer("Let me see.", tool_calls=calls))

    answer = streamed(model.model_copy(update={"output_version": "v1"}))

    assert answer.text == "Let me see."
    assert [block["type"] for block in answer.content_blocks] == ["text", "tool_call", "tool_call"]
    assert [c["args"] for c in answer.tool_calls] == [{"a": 1}, {"a": 2}]


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
def test_a_refusal_is_found_however_the_message_was_put_together(model, server):
    blocks = model.model_copy(update={"output_version": "v1"})
    server.script(*[Answer("I cannot help.", finish_reason="content_filter")] * 4)
    events = model.stream_events("Hello", version="v3")

    for answer in (invoked(model), invoked(blocks), streamed(blocks), events.output):
        assert refusal_in(answer) == {"type": "refusal", "refusal": "I cannot help."}
    assert refusal_in(AIMessage("Hello", response_metadata=ended("stop"))) is None
