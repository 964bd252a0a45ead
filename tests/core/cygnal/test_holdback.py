import pytest
from plain_dialect import Messages, PlainHoldback, said

from grayswan_core.cygnal.holdback import answer_check
from grayswan_core.cygnal.protection import Protection


def text_of(chunks):
    return "".join(each.content for each in chunks)


def test_text_and_calls_are_judged_together(guard):
    hold = PlainHoldback(Protection(guard))
    assert [None, None] == [hold.add(said("Well")), hold.add(said("", calls=["send"]))]
    check = hold.end()
    assert (("output", "tool_call"), "Well") == (check.stages, check.judged[0].content)


def test_each_can_be_left_out(guard):
    def check(**settings):
        return answer_check(
            Protection(guard, **settings), said("Well", calls=["send"]), [], Messages
        )

    text_only, calls_only = check(check_tool_calls=False), check(check_output=False)
    assert (("output",), None) == (text_only.stages, text_only.judged[0].tool_calls)
    assert (("tool_call",), "") == (calls_only.stages, calls_only.judged[0].content)
    assert None is check(check_output=False, check_tool_calls=False)


def test_a_window_at_a_time(guard):
    hold = PlainHoldback(Protection(guard, streaming="window", window=4))
    released, checks = "", 0
    for number in range(20):
        check = hold.add(said(f"word{number:02d} "))
        if check is not None:
            checks += 1
            assert check.judged[0].content.startswith(released)
            released += text_of(hold.release())
    assert 6 == checks
    assert hold.answer().content.startswith(released)
    assert len(hold.answer().content) > len(released) > 0
    *rest, report = hold.finish({"blocked": False})
    assert "".join(f"word{number:02d} " for number in range(20)) == released + text_of(rest)
    assert {"blocked": False} == report


def test_a_tail_is_held_back(guard):
    protection = Protection(guard, streaming="window", window=4)
    hold = PlainHoldback(protection)
    for letter in "a window of text":
        hold.add(said(letter))
    assert "a window of " == text_of(hold.release())
    assert protection.tail_size == len(text_of(hold.release_all()))


def test_calls_and_what_follows_are_held_to_the_end(guard):
    hold = PlainHoldback(Protection(guard, streaming="window", window=1))
    hold.add(said("", calls=["send"]))
    assert [None] * 5 == [hold.add(said("many words here")) for _ in range(5)]
    assert None is not hold.end()


@pytest.mark.parametrize(
    "settings", [{}, {"check_output": False}, {"exit_behavior": "monitor"}], ids=str
)
def test_without_windows_all_is_judged_at_the_end(guard, settings):
    given = {"streaming": "window" if settings else "hold", "window": 1, **settings}
    hold = PlainHoldback(Protection(guard, **given))
    assert [None] * 5 == [hold.add(said("many words here")) for _ in range(5)]


def test_an_empty_stream(guard):
    hold = PlainHoldback(Protection(guard))
    assert (True, None) == (hold.is_empty, hold.end())
    hold.add(said(""))
    assert not hold.is_empty
