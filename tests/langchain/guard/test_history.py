import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from grayswan_core import Judgement, Verdict
from grayswan_core.cygnal.window import monitor_messages
from langchain_grayswan import DataMessage
from langchain_grayswan.guard.history import newest_input, prepare
from langchain_grayswan.guard.protection import Protection
from langchain_grayswan.guard.refusing import placeholder, refusal

BLOCKED = Judgement("input", ("violation",), Verdict(0.9))
CALLS = AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": i} for i in ("c1", "c2")])


def prepared(protection, messages, *flagged):
    """What is sent; tool results and data with one of these texts are flagged."""
    plan, judgements = prepare(protection, messages), None
    while True:
        try:
            checks = plan.send(judgements)
        except StopIteration as end:
            return end.value
        judgements = [
            Judgement(check.stages[0], ("ipi",) if check.judged[0].content in flagged else ())
            for check in checks
        ]


def contents(messages):
    return [message.content for message in messages]


def test_newest_input():
    ai, human = AIMessage("a"), HumanMessage("h")
    assert slice(0, 0) == newest_input([])
    assert slice(1, 3) == newest_input([ai, human, human])
    assert slice(1, 2) == newest_input([ai, human, CALLS, ToolMessage("r", tool_call_id="c1")])


def test_the_newest_input_is_judged_after_what_came_before(guard):
    messages = [SystemMessage("s"), HumanMessage("a"), AIMessage("b"), HumanMessage("c")]
    done = prepared(Protection(guard), messages)
    assert messages == done.messages
    assert (["c"], ("input",), ["s", "a", "b"]) == (
        contents(done.check.judged),
        done.check.stages,
        contents(done.check.context),
    )


def test_it_is_the_same_check_at_every_step_of_an_agent(guard):
    start = [HumanMessage("a")]
    later = [*start, CALLS, ToolMessage("r", tool_call_id="c1")]
    first, second = (prepared(Protection(guard), each).check for each in (start, later))
    assert first == second


def test_a_refused_input_and_its_refusal_are_dropped(guard):
    protection = Protection(guard)
    no = refusal(protection, BLOCKED, None)
    messages = [HumanMessage("a"), AIMessage("b"), HumanMessage("bad"), no, HumanMessage("go on")]
    done = prepared(protection, messages)
    assert ["a", "b", "go on"] == contents(done.messages) == contents(done.context)


def test_so_is_a_placeholder(guard):
    protection = Protection(guard)
    no = refusal(protection, BLOCKED, None)
    messages = [placeholder(HumanMessage("bad", id="1")), no, HumanMessage("go on")]
    assert ["go on"] == contents(prepared(protection, messages).messages)


def test_so_is_one_whose_refusal_has_lost_its_metadata(guard, server):
    protection = Protection(guard)
    bad = "[[cygnal-violation]]"
    assert guard.check(monitor_messages("user", bad), ("input",)).blocked
    messages = [HumanMessage(bad), AIMessage("Sorry."), HumanMessage("go on")]
    assert ["go on"] == contents(prepared(protection, messages).messages)
    assert 1 == len(server.requests)


def test_a_refused_response_stays(guard):
    protection = Protection(guard)
    no = refusal(protection, Judgement("output", ("violation",), Verdict(0.9)), AIMessage("bad"))
    messages = [HumanMessage("a"), no, HumanMessage("b")]
    assert messages == prepared(protection, messages).messages


@pytest.mark.parametrize("off", [{"check_input": False}, {"exit_behavior": "monitor"}])
def test_nothing_is_dropped_that_was_not_blocked(guard, off):
    bad = "[[cygnal-violation]]"
    guard.check(monitor_messages("user", bad), ("input",))
    messages = [HumanMessage(bad), AIMessage("Well."), HumanMessage("go on")]
    assert messages == prepared(Protection(guard, **off), messages).messages


def test_a_flagged_result_is_replaced_and_that_one_only(guard):
    results = [ToolMessage("bad", tool_call_id="c1", id="r1"), ToolMessage("ok", tool_call_id="c2")]
    done = prepared(Protection(guard), [HumanMessage("a"), CALLS, *results], "bad")
    removed, kept = done.messages[2:]
    assert ("removed" in removed.content, "error", "c1", "r1") == (
        True,
        removed.status,
        removed.tool_call_id,
        removed.id,
    )
    assert results[1] is kept
    assert "bad" not in str(done.context)


def test_flagged_data_is_replaced(guard):
    done = prepared(Protection(guard), [HumanMessage("a"), DataMessage("bad")], "bad")
    assert "removed" in done.messages[1].content
    assert "data" == done.messages[1].role


def test_with_monitor_nothing_is_replaced(guard):
    messages = [HumanMessage("a"), DataMessage("bad")]
    done = prepared(Protection(guard, exit_behavior="monitor"), messages, "bad")
    assert messages == done.messages


def test_what_is_not_to_be_checked_is_not(guard):
    off = Protection(guard, check_input=False, check_tool_results=False)
    done = prepared(off, [HumanMessage("a"), DataMessage("bad")], "bad")
    assert None is done.check
    assert "bad" == done.messages[1].content


def test_no_messages_and_no_input(guard):
    assert None is prepared(Protection(guard), []).check
    assert None is prepared(Protection(guard), [SystemMessage("s"), AIMessage("a")]).check
