from __future__ import annotations

import pytest

from grayswan_core.errors import InvalidRequestError
from grayswan_core.request.build import SAMPLING_FIELDS, build_call
from grayswan_core.wire import FunctionDefinition, Message, Tool

HELLO = Message(role="user", content="Hello")
SETTINGS = {**dict.fromkeys(SAMPLING_FIELDS), "model": "cygnet", "stop": None}
WEATHER = Tool(function=FunctionDefinition(name="weather", description="", parameters={}))


def ask(settings=(), **arguments):
    return build_call([HELLO], {**SETTINGS, **dict(settings)}, arguments)


def test_settings_make_the_request():
    request = ask({"temperature": 0.0, "max_tokens": 7}).request
    assert {
        "model": "cygnet",
        "messages": [{"role": "user", "content": "Hello"}],
        "temperature": 0.0,
        "max_tokens": 7,
    } == request.model_dump(exclude_none=True)


def test_an_argument_of_the_call_wins_and_none_is_not_given():
    request = ask({"temperature": 0.5, "top_p": 0.5}, temperature=0.0, top_p=None).request
    assert (0.0, 0.5) == (request.temperature, request.top_p)


def test_stop_sequences_are_for_this_side():
    what = ask({"stop": ["a"]}, stop="b")
    assert ("b",) == what.stop
    assert "stop" not in what.request.model_dump()
    assert ("a",) == ask({"stop": ["a"]}).stop


def test_tools_are_sent_and_an_empty_list_is_none():
    assert [WEATHER] == ask(tools=[WEATHER.model_dump()]).request.tools
    assert ask(tools=[]).request.tools is None


@pytest.mark.parametrize(
    "tool", ["weather", None, {}, {"function": "weather"}, {"name": "weather"}]
)
def test_what_is_no_tool_is_refused(tool):
    with pytest.raises(InvalidRequestError, match="A tool is"):
        ask(tools=[tool])


def test_a_tool_may_be_named():
    request = ask(tools=[WEATHER], tool_choice="weather").request
    assert "weather" == request.tool_choice.function.name


def test_some_tool_is_required_whether_one_is_on_offer_or_several():
    look = Tool(function=FunctionDefinition(name="look", description="", parameters={}))
    assert not ask(tools=[WEATHER], tool_choice="weather").tool_required
    assert ask(tools=[WEATHER], tool_choice="any").tool_required
    assert ask(tools=[WEATHER, look], tool_choice={"any": {}}).tool_required


def test_anthropics_choice_may_turn_parallel_calls_off():
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    assert not ask(tools=[WEATHER], tool_choice=choice).parallel_tool_calls
    assert ask(tools=[WEATHER], tool_choice={"type": "auto"}).parallel_tool_calls


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("max_completion_tokens", "Use max_tokens"),
        ("response_format", "structured output"),
        ("presence_penalty", "frequency_penalty"),
        ("seed", "temperature=0"),
        ("stream_options", "wherever the API sends it"),
        ("temprature", "Did you mean temperature?"),
    ],
)
def test_what_the_service_has_no_field_for_is_refused_with_advice(name, advice):
    with pytest.raises(InvalidRequestError, match=f"Unknown argument '{name}'") as caught:
        ask(**{name: 1})
    assert advice in str(caught.value)


@pytest.mark.parametrize("name", ["messages", "stream"])
def test_a_call_does_not_set_what_is_not_its_own(name):
    with pytest.raises(InvalidRequestError):
        ask(**{name: True})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"temperature": -1}, "temperature: Input should be greater than or equal to 0"),
        ({"n": 0}, "n: Input should be greater than or equal to 1"),
        ({"max_tokens": "many"}, "max_tokens: Input should be a valid integer"),
        ({"stop": [""]}, "stop sequence"),
    ],
)
def test_a_value_out_of_range_is_refused_by_its_name(arguments, words):
    with pytest.raises(InvalidRequestError, match=words) as caught:
        ask(**arguments)
    assert caught.value.__cause__ is None
