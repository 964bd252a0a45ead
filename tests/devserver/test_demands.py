import pytest

DEMAND = ("system", "Answer with a call of one of these tools, not in text: ['look', 'report'].")


@pytest.fixture
def tools(tool):
    look = tool("look", "Look something up.", {"what": {"type": "string"}})
    report = tool("report", "Give the answer.", {"degrees": {"type": "integer"}})
    return [look, report]


def called(answer):
    return [(call.name, call.arguments) for call in answer.tool_calls]


def test_without_a_demand_nothing_is_called(ask, tools):
    assert called(ask("Hello", tools=tools)) == []


def test_a_demand_is_obeyed_with_the_last_tool(ask, tools):
    assert [name for name, _ in called(ask("Hello, 7.", DEMAND, tools=tools))] == ["report"]


def test_the_tool_that_was_asked_for_comes_first(ask, tools):
    assert [name for name, _ in called(ask("Look up 'x'", DEMAND, tools=tools))] == ["look"]


def test_a_tool_that_was_called_is_not_called_again(ask, tools):
    function = {"name": "report", "arguments": "{}"}
    call = {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "function": function}]}
    result = {"role": "tool", "content": "done", "tool_call_id": "1"}

    answer = ask("Hello", call, result, DEMAND, tools=tools)
    assert [name for name, _ in called(answer)] == ["look"]


def test_results_are_looked_through_for_arguments(ask, tools):
    function = {"name": "look", "arguments": "{}"}
    call = {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "function": function}]}
    result = {"role": "tool", "content": "It is 21 degrees.", "tool_call_id": "1"}

    assert called(ask("Look", call, result, DEMAND, tools=tools)) == [("report", {"degrees": 21})]


def test_only_the_systems_last_word_is_a_demand(ask, tools):
    assert called(ask(DEMAND, "Hello", tools=tools)) == []
    assert called(ask("Hello", ("data", DEMAND[1]), tools=tools)) == []
    assert called(ask("Hello", DEMAND)) == []
