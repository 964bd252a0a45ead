import pytest

from grayswan_core.wire import TOOL_CALL_CORRECTION
from grayswan_devserver.smollm2.choosing import chosen_tool


@pytest.fixture
def choose(conversation_of, weather, tool):
    tools = [weather, tool("send_mail", "Send a mail.", {"to": {"type": "string"}})]

    def name(*messages, **fields):
        chosen = chosen_tool(conversation_of(*messages, tools=tools, **fields))
        return chosen and chosen.name

    return name


def test_the_tool_that_is_named(choose, named):
    assert choose("Hello!", tool_choice=named("send_mail")) == "send_mail"


@pytest.mark.parametrize("choice", [None, "auto"])
def test_a_tool_that_is_clearly_asked_for(choose, choice):
    assert choose("What is the weather in Rome?", tool_choice=choice) == "get_weather"


def test_none_where_none_is_asked_for(choose):
    assert choose("Hello!") is None


def test_none_where_the_request_says_so(choose):
    assert choose("What is the weather in Rome?", tool_choice="none") is None


def test_none_once_its_result_is_there(choose, called):
    assert choose("What is the weather in Rome?", *called("get_weather", "Sun.")) is None


def test_one_that_the_system_insists_on(choose):
    demand = ("system", TOOL_CALL_CORRECTION.format(names=["get_weather", "send_mail"]))
    assert choose("Hello!", demand) == "send_mail"
