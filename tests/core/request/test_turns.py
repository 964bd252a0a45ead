from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grayswan_core.request.turns import Turn, with_call_ids
from grayswan_core.wire import FunctionCall, ToolCall


def calling(*named):
    calls = [
        ToolCall(id=call_id, function=FunctionCall(name=name, arguments="{}"))
        for name, call_id in named
    ]
    return Turn("assistant", "", tool_calls=tuple(calls))


def ids(turns):
    """The ids of calls and of results, in the order of the turns."""
    return [
        [call.id for call in turn.tool_calls] if turn.tool_calls else turn.tool_call_id
        for turn in turns
    ]


def result(text, call_id=None, speaker="tool"):
    return Turn(speaker, text, tool_call_id=call_id)


@pytest.mark.parametrize("answers", [("add", "add"), (None, None), ("", ""), (None, "add")])
@pytest.mark.parametrize("speaker", ["tool", "function"])
def test_results_answer_calls_without_an_id_by_their_name_or_place(answers, speaker):
    """Ollama's calls in LlamaIndex have no id, and their results the tool's name."""
    results = [result(str(n), given, speaker) for n, given in enumerate(answers)]
    turns = [calling(("add", ""), ("add", "")), *results]
    assert [["call_1", "call_2"], "call_1", "call_2"] == ids(with_call_ids(turns))


def test_results_out_of_order_answer_the_call_that_they_name():
    turns = [calling(("add", ""), ("look", "")), result("found", "look"), result("3", "add")]
    assert [["call_1", "call_2"], "call_2", "call_1"] == ids(with_call_ids(turns))


def test_ids_are_unlike_those_that_are_there_and_the_same_each_time():
    turns = [
        calling(("add", ""), ("look", "call_1")),
        result("found", "call_1"),
        result("3"),
        Turn("user", "And?"),
        calling(("add", "")),
        result("4"),
    ]
    named = with_call_ids(turns)
    expected = [["call_2", "call_1"], "call_1", "call_2", None, ["call_3"], "call_3"]
    assert expected == ids(named)
    assert named == with_call_ids(turns)
    assert named[: len(turns) - 1] == with_call_ids(turns[:-1])


@pytest.mark.parametrize(
    "turn", [result("page", speaker="data"), Turn("user", "add"), result("3", "other")]
)
def test_what_answers_no_call_stays_as_it_is(turn):
    named = with_call_ids([calling(("add", "")), turn, result("3", "add")])
    assert [turn, "call_1"] == [named[1], named[2].tool_call_id]


def test_one_result_answers_one_call():
    named = with_call_ids([calling(("add", "")), result("3", "add"), result("4", "add")])
    assert [["call_1"], "call_1", "add"] == ids(named)


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy")), min_size=1).map(
            lambda named: calling(*named)
        )
        | st.builds(result, st.text(), st.none() | st.sampled_from("abxy"))
    )
)
def test_a_conversation_whose_calls_have_ids_is_left_alone(turns):
    assert turns == with_call_ids(turns)
