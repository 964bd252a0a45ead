import pickle

from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage

from grayswan_core import ContentFilterError, Judgement, Verdict
from grayswan_core.cygnal.protection import DEFAULT_REFUSAL, Protection
from langchain_grayswan.guard.refusing import (
    is_refused_input,
    placeholder,
    refusal,
    refusal_chunk,
    removed_result,
    report_of,
    violation_error,
)
from langchain_grayswan.refusals import refusal_in

BLOCKED = Judgement("output", ("violation",), Verdict(0.9))
FLAGGED = AIMessage(
    "secret words",
    id="m1",
    tool_calls=[{"name": "send", "args": {"x": "secret"}, "id": "c1"}],
    additional_kwargs={"reasoning_content": "secret"},
    usage_metadata={"input_tokens": 3, "output_tokens": 4, "total_tokens": 7},
    response_metadata={
        "model_name": "gpt-x",
        "model_provider": "openai",
        "logprobs": {"content": ["secret"]},
        "finish_reason": "tool_calls",
    },
)


def test_nothing_of_the_flagged_message_is_kept_but_its_frame(guard):
    message = refusal(Protection(guard), BLOCKED, FLAGGED)
    assert "secret" not in repr(message)
    assert ("m1", 7, "gpt-x", "violation") == (
        message.id,
        message.usage_metadata["total_tokens"],
        message.response_metadata["model_name"],
        message.response_metadata["finish_reason"],
    )
    assert [] == message.tool_calls
    assert [{"type": "refusal", "refusal": DEFAULT_REFUSAL}] == message.content_blocks
    assert 0.9 == report_of(message)["violation"]


def test_released_text_and_refusal_are_told_apart(guard):
    message = refusal(Protection(guard), BLOCKED, FLAGGED, released="So far")
    assert "So far" == message.content
    assert DEFAULT_REFUSAL == refusal_in(message)["refusal"]


def test_a_late_refusal_of_another_providers_stream(guard):
    said = AIMessageChunk(
        "So far", id="m1", response_metadata={"model_provider": "openai", "model_name": "gpt-x"}
    )
    chunk = refusal_chunk(
        Protection(guard), BLOCKED, AIMessage("", id="m1"), released="So far", provider="openai"
    )
    whole = said + chunk.message
    assert ("openai", "gpt-x", "violation") == (
        whole.response_metadata["model_provider"],
        whole.response_metadata["model_name"],
        whole.response_metadata["finish_reason"],
    )
    assert "So far" == whole.text
    assert {"type": "refusal", "refusal": DEFAULT_REFUSAL} in whole.content


def test_a_refused_input_is_known_by_its_refusal(guard):
    no = refusal(Protection(guard), Judgement("input", ("violation",), Verdict(0.9)), None)
    assert is_refused_input(no)
    assert not is_refused_input(refusal(Protection(guard), BLOCKED, None))
    assert not is_refused_input(AIMessage("x", response_metadata={"cygnal": "input"}))
    assert not is_refused_input(HumanMessage("x"))


def test_placeholders_keep_the_id():
    assert "h1" == placeholder(HumanMessage("secret", id="h1")).id
    removed = removed_result(
        ToolMessage("secret", tool_call_id="c1", id="t1", artifact="secret"), BLOCKED
    )
    assert ("t1", "c1", "error") == (removed.id, removed.tool_call_id, removed.status)
    assert "secret" not in repr(removed)


def test_an_error_holds_the_refusal_and_nothing_flagged(guard):
    error = violation_error(Protection(guard), BLOCKED, FLAGGED)
    assert isinstance(error, ContentFilterError)
    assert ("output", 0.9) == (error.report["stage"], error.report["violation"])
    assert "secret" not in repr((error, error.raw_message, vars(error)))
    assert error.report == pickle.loads(pickle.dumps(error)).report
    assert not error.is_retryable
