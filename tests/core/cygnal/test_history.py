"""The review of a conversation, in a dialect of its own."""

from dataclasses import dataclass, replace

import pytest

from grayswan_core import Judgement
from grayswan_core.cygnal.history import REMOVED_INPUT, newest_input, prepare
from grayswan_core.cygnal.protection import Protection
from grayswan_core.cygnal.window import monitor_messages


@dataclass(frozen=True)
class Said:
    speaker: str
    content: str
    call: str | None = None
    refuses: bool = False


class Dialect:
    def read(self, message):
        return monitor_messages(message.speaker, message.content, tool_call_id=message.call)

    def is_user(self, message):
        return message.speaker == "user"

    def is_data(self, message):
        return message.speaker in ("tool", "data")

    def is_refused_input(self, message):
        return message.refuses

    def is_plain_answer(self, message):
        return message.speaker == "ai" and not message.call

    def placeholder(self, message):
        return replace(message, content=REMOVED_INPUT)

    def removed(self, message, judgement):
        return replace(message, content="removed")


DIALECT = Dialect()


def system(text):
    return Said("system", text)


def user(text):
    return Said("user", text)


def ai(text):
    return Said("ai", text)


def result(text, call):
    return Said("tool", text, call)


def data(text):
    return Said("data", text)


CALLS = Said("ai", "", "c1")
REFUSAL = Said("ai", "no", refuses=True)


def prepared(protection, messages, *flagged):
    """What is sent; tool results and data with one of these texts are flagged."""
    plan, judgements = prepare(protection, messages, DIALECT), None
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
    answer, question = ai("a"), user("h")
    assert slice(0, 0) == newest_input([], DIALECT)
    assert slice(1, 3) == newest_input([answer, question, question], DIALECT)
    assert slice(1, 2) == newest_input([answer, question, CALLS, result("r", "c1")], DIALECT)


def test_the_newest_input_is_judged_after_what_came_before(guard):
    messages = [system("s"), user("a"), ai("b"), user("c")]
    done = prepared(Protection(guard), messages)
    assert messages == done.messages
    assert (["c"], ("input",), ["s", "a", "b"]) == (
        contents(done.check.judged),
        done.check.stages,
        contents(done.check.context),
    )


def test_it_is_the_same_check_at_every_step_of_an_agent(guard):
    start = [user("a")]
    later = [*start, CALLS, result("r", "c1")]
    first, second = (prepared(Protection(guard), each).check for each in (start, later))
    assert first == second


def test_a_refused_input_and_its_refusal_are_dropped(guard):
    protection = Protection(guard)
    messages = [user("a"), ai("b"), user("bad"), REFUSAL, user("go on")]
    done = prepared(protection, messages)
    assert ["a", "b", "go on"] == contents(done.messages) == contents(done.context)


def test_so_is_a_placeholder(guard):
    protection = Protection(guard)
    messages = [user(REMOVED_INPUT), REFUSAL, user("go on")]
    assert ["go on"] == contents(prepared(protection, messages).messages)


def test_so_is_one_whose_refusal_has_lost_its_metadata(guard, monitor):
    protection = Protection(guard)
    bad = "[[cygnal-violation]]"
    assert guard.check(monitor_messages("user", bad), ("input",)).blocked
    messages = [user(bad), ai("Sorry."), user("go on")]
    assert ["go on"] == contents(prepared(protection, messages).messages)
    assert 1 == len(monitor.requests)


def test_a_refused_response_stays(guard):
    protection = Protection(guard)
    messages = [user("a"), ai("Sorry."), user("b")]
    assert messages == prepared(protection, messages).messages


@pytest.mark.parametrize("off", [{"check_input": False}, {"exit_behavior": "monitor"}])
def test_nothing_is_dropped_that_was_not_blocked(guard, off):
    bad = "[[cygnal-violation]]"
    guard.check(monitor_messages("user", bad), ("input",))
    messages = [user(bad), ai("Well."), user("go on")]
    assert messages == prepared(Protection(guard, **off), messages).messages


def test_a_flagged_result_is_replaced_and_that_one_only(guard):
    results = [result("bad", "c1"), result("ok", "c2")]
    done = prepared(Protection(guard), [user("a"), CALLS, *results], "bad")
    removed, kept = done.messages[2:]
    assert ("removed", "c1") == (removed.content, removed.call)
    assert results[1] is kept
    assert "bad" not in str(done.context)


def test_flagged_data_is_replaced(guard):
    done = prepared(Protection(guard), [user("a"), data("bad")], "bad")
    assert "removed" in done.messages[1].content


def test_with_monitor_nothing_is_replaced(guard):
    messages = [user("a"), data("bad")]
    done = prepared(Protection(guard, exit_behavior="monitor"), messages, "bad")
    assert messages == done.messages


def test_what_is_not_to_be_checked_is_not(guard):
    off = Protection(guard, check_input=False, check_tool_results=False)
    done = prepared(off, [user("a"), data("bad")], "bad")
    assert None is done.check
    assert "bad" == done.messages[1].content


def test_no_messages_and_no_input(guard):
    assert None is prepared(Protection(guard), []).check
    assert None is prepared(Protection(guard), [system("s"), ai("a")]).check
