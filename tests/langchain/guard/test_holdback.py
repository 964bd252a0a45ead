from langchain_core.messages import AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

from grayswan_core import Judgement, Verdict
from grayswan_core.cygnal.protection import Protection
from langchain_grayswan.guard.holdback import ChunkHoldback

BLOCKED = Judgement("output", ("violation",), Verdict(0.9))


def chunk(text="", **fields):
    return ChatGenerationChunk(message=AIMessageChunk(content=text, id="m1", **fields))


def call_chunk(args, name=None):
    calls = [tool_call_chunk(name=name, args=args, id="c1", index=0)]
    return chunk(tool_call_chunks=calls)


def test_text_and_calls_are_judged_together(guard):
    hold = ChunkHoldback(Protection(guard), [])
    for each in (chunk("Well"), call_chunk('{"a":', "send"), call_chunk("1}")):
        assert None is hold.add(each)
    check = hold.end()
    (message,) = check.judged
    assert (("output", "tool_call"), "Well", '{"a": 1}') == (
        check.stages,
        message.content,
        message.tool_calls[0].function.arguments,
    )
    assert 3 == len(hold.finish({}))


def test_calls_and_blocks_are_held_to_the_end(guard):
    for first in (call_chunk("{}", "send"), chunk([{"type": "text", "text": "Well"}])):
        hold = ChunkHoldback(Protection(guard, streaming="window", window=1), [])
        hold.add(first)
        assert [None] * 5 == [hold.add(chunk("many words here")) for _ in range(5)]


def test_the_verdict_is_noted_once(guard):
    hold = ChunkHoldback(Protection(guard, streaming="window", window=1), [])
    hold.add(chunk("some text"))
    hold.release_all()
    (last,) = hold.finish({"blocked": False})
    assert {"blocked": False} == last.message.response_metadata["cygnal"]


def test_a_late_violation_keeps_what_was_released(guard):
    hold = ChunkHoldback(Protection(guard, streaming="window", window=1), [])
    hold.add(chunk("released ", response_metadata={"model_name": "m"}))
    released = hold.release_all()
    hold.add(call_chunk('{"x": "secret"}', "send"))
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    hold.add(chunk("secret", usage_metadata=usage, response_metadata={"finish_reason": "stop"}))
    whole = released[0] + hold.refuse(BLOCKED)
    assert "secret" not in repr(whole)
    assert ("m1", "m", "violation", 3) == (
        whole.message.id,
        whole.message.response_metadata["model_name"],
        whole.message.response_metadata["finish_reason"],
        whole.message.usage_metadata["total_tokens"],
    )
    assert ("released ", []) == (whole.message.text, whole.message.tool_calls)


def test_an_early_violation_keeps_nothing(guard):
    hold = ChunkHoldback(Protection(guard), [])
    hold.add(chunk("secret"))
    assert "secret" not in repr(hold.refuse(BLOCKED))


def test_an_empty_stream(guard):
    hold = ChunkHoldback(Protection(guard), [])
    assert None is hold.end()
    assert [""] == [each.text for each in hold.finish({})]
