import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, TextBlock, ToolCallBlock

from grayswan_core import Judgement, Verdict
from grayswan_core.cygnal.protection import Protection
from llama_index_grayswan.guard.holdback import ResponseHoldback

BLOCKED = Judgement("output", ("violation",), Verdict(0.9))


def response(text, delta, *calls):
    blocks = [TextBlock(text=text), *(ToolCallBlock(tool_name=each) for each in calls)]
    return ChatResponse(message=ChatMessage(role="assistant", blocks=blocks), delta=delta)


def holdback(guard, **settings):
    return ResponseHoldback(Protection(guard, **settings), [], ChatResponse)


def test_text_and_calls_are_judged_together(guard):
    hold = holdback(guard)
    for each in (response("Well", "Well"), response("Well", "", "send")):
        assert None is hold.add(each)
    check = hold.end()
    (message,) = check.judged
    assert (("output", "tool_call"), "Well", "send") == (
        check.stages,
        message.content,
        message.tool_calls[0].function.name,
    )


def test_text_that_a_message_leaves_out_is_judged(guard):
    hold = holdback(guard)
    hold.add(response("", "left "))
    hold.add(response("", "out"))
    assert "left out" in hold.end().judged[0].content


@pytest.mark.parametrize("parts", [("left ", "out"), ("left", "left out"), ("left out", "")])
def test_what_a_stream_holds_beside_its_messages_is_judged(guard, parts):
    hold = holdback(guard)
    for each in parts:
        kwargs = {"thinking_delta": each, "total_tokens": 3, "finish_reason": "stop"}
        hold.add(response("Well", "").model_copy(update={"additional_kwargs": kwargs}))
    (judged,) = hold.end().judged
    assert "left out" in judged.content
    assert "stop" not in judged.content


def test_calls_and_what_follows_are_held_to_the_end(guard):
    hold = holdback(guard, streaming="window", window=1)
    hold.add(response("", "", "send"))
    assert [None] * 5 == [hold.add(response("words", "words")) for _ in range(5)]


def test_the_verdict_is_noted_on_the_last_response(guard):
    hold = holdback(guard)
    hold.add(response("a", "a"))
    hold.add(response("ab", "b"))
    first, last = hold.finish({"blocked": False})
    assert ({}, {"blocked": False}) == (first.additional_kwargs, last.additional_kwargs["cygnal"])


def test_where_all_were_released_one_that_adds_nothing_has_the_verdict(guard):
    hold = holdback(guard, exit_behavior="monitor")
    hold.add(response("a", "a"))
    hold.release_all()
    (last,) = hold.finish({"blocked": True})
    assert ("a", "", {"blocked": True}) == (
        last.message.content,
        last.delta,
        last.additional_kwargs["cygnal"],
    )


def test_a_late_violation_keeps_what_was_released(guard):
    hold = holdback(guard, streaming="window", window=1)
    hold.add(response("released ", "released "))
    hold.release_all()
    hold.add(response("released secret", "secret"))
    refused = hold.refuse(BLOCKED)
    assert refused.message.content.startswith("released \n\nSorry")
    assert refused.delta.startswith("\n\nSorry")
    assert "secret" not in repr(refused)


def test_an_early_violation_keeps_nothing(guard):
    hold = holdback(guard)
    hold.add(response("secret", "secret"))
    assert "secret" not in repr(hold.refuse(BLOCKED))


def test_an_empty_stream(guard):
    hold = holdback(guard)
    assert None is hold.end()
    assert [] == hold.finish({})
