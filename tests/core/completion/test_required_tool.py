from __future__ import annotations

import pytest

from grayswan_core import (
    ChatRequest,
    ChatResponse,
    CompletionCall,
    Message,
    Tool,
    ToolCallArgumentsError,
    ToolCallMissingError,
)
from grayswan_core.completion.required_tool import MAX_CORRECTIONS, Rounds
from grayswan_core.wire import FunctionDefinition

TOOL = Tool(function=FunctionDefinition(name="pay", description="", parameters={}))
REQUEST = ChatRequest(model="cygnet", messages=[Message(role="user", content="Pay.")], tools=[TOOL])
USAGE = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}


def response(*names, finish_reason="stop", content="", usage=USAGE):
    calls = [{"id": name, "function": {"name": name, "arguments": "{}"}} for name in names]
    message = {"content": content, "tool_calls": calls or None}
    choice = {"index": 0, "finish_reason": finish_reason, "message": message}
    return ChatResponse.model_validate({"choices": [choice], "usage": usage})


def play(responses, **given):
    rounds = Rounds(CompletionCall(REQUEST, **given))
    asked = []
    left = iter(responses)
    for request in rounds:
        asked.append(request)
        rounds.take(next(left))
    return asked, rounds.response


def test_without_a_requirement_one_round_is_all():
    asked, final = play([response(content="Hello")])
    assert [REQUEST] == asked
    assert "Hello" == final.choices[0].message.content


def test_a_call_of_a_tool_on_offer_settles_it_and_another_does_not():
    asked, _ = play([response("steal"), response("pay")], tool_required=True)
    assert 2 == len(asked)


def test_usage_is_the_sum_of_all_rounds():
    _, final = play([response(), response(), response("pay")], tool_required=True)
    assert 12 == final.usage.total_tokens


def test_a_round_without_usage_counts_nothing():
    _, final = play([response(usage=None), response("pay")], tool_required=True)
    assert 4 == final.usage.total_tokens


def test_the_usage_of_earlier_rounds_stays_where_the_last_has_none():
    _, final = play([response(), response("pay", usage=None)], tool_required=True)
    assert 4 == final.usage.total_tokens


def unreadable(finish_reason="tool_calls"):
    bad = response("pay", finish_reason=finish_reason)
    bad.choices[0].message.tool_calls[0].function.arguments = '{"amount": 1'
    return bad


def test_a_call_that_cannot_be_read_does_not_settle_it():
    asked, final = play([unreadable(), response("pay")], tool_required=True)
    assert 2 == len(asked)
    assert "{}" == final.choices[0].message.tool_calls[0].function.arguments


def test_calls_that_can_never_be_read_are_an_error_of_their_own():
    with pytest.raises(ToolCallArgumentsError, match=r"required call of 'pay'.*asked 3 times"):
        play([unreadable()] * (MAX_CORRECTIONS + 1), tool_required=True)


def test_a_required_call_that_was_cut_is_not_asked_for_again():
    with pytest.raises(ToolCallArgumentsError, match="in the middle of a call of 'pay'"):
        play([unreadable("length")], tool_required=True)


def test_it_is_given_up_after_the_last_correction():
    with pytest.raises(ToolCallMissingError, match=f"asked {MAX_CORRECTIONS + 1} times"):
        play([response(content="Paid!")] * (MAX_CORRECTIONS + 1), tool_required=True)


@pytest.mark.parametrize("names", [["pay", "look"], ["steal", "pay"], ["pay"]])
def test_of_several_calls_the_first_on_offer_is_kept(names):
    _, final = play([response(*names)], parallel_tool_calls=False)
    assert ["pay"] == [call.function.name for call in final.choices[0].message.tool_calls]
