import pytest

from grayswan_core import ChatResponse, ContentFilterError, ToolCallArgumentsError
from grayswan_core.completion.answer_check import check_answer


def call(arguments, name="pay", index=0):
    return {"index": index, "id": "call_1", "function": {"name": name, "arguments": arguments}}


def answer(*calls, finish_reason=None, content=""):
    message = {"content": content, "tool_calls": list(calls) or None}
    choice = {"index": 0, "finish_reason": finish_reason, "message": message}
    return ChatResponse.model_validate({"choices": [choice]})


CUT = ['{"amount": 100', '{"amount": 100, "to": "An', "{", "", "[]", '"text"']


@pytest.mark.parametrize("finish_reason", ["length", None])
@pytest.mark.parametrize("arguments", CUT)
def test_a_cut_call_is_refused(arguments, finish_reason):
    with pytest.raises(ToolCallArgumentsError, match="in the middle of a call of 'pay'") as caught:
        check_answer(answer(call(arguments), finish_reason=finish_reason, content="So:"))
    assert caught.value.partial_text == "So:"
    assert not caught.value.is_retryable


def test_the_last_of_several_calls_may_be_the_one_that_is_cut():
    with pytest.raises(ToolCallArgumentsError, match="a call of 'second'"):
        check_answer(answer(call("{}", "first"), call('{"a', "second", 1), finish_reason="length"))


@pytest.mark.parametrize("finish_reason", ["length", None, "tool_calls", "stop"])
def test_a_whole_call_passes(finish_reason):
    check_answer(answer(call('{"amount": 100}'), finish_reason=finish_reason))


@pytest.mark.parametrize("arguments", CUT)
def test_a_call_that_ended_on_its_own_is_the_frameworks_concern(arguments):
    check_answer(answer(call(arguments), finish_reason="tool_calls"))


def test_a_text_that_was_cut_passes():
    check_answer(answer(finish_reason="length", content="Half an ans"))


@pytest.mark.parametrize("finish_reason", ["content_filter", "violation"])
def test_a_refusal_passes_unless_it_is_to_be_an_error(finish_reason):
    refusal = answer(finish_reason=finish_reason, content="No.")
    check_answer(refusal)
    with pytest.raises(ContentFilterError, match=finish_reason) as caught:
        check_answer(refusal, raise_on_content_filter=True)
    assert caught.value.partial_text == "No."
