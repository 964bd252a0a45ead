import time

import pytest

from grayswan_devserver import Answer, RulesEngine
from grayswan_devserver.rules.engine import SKILLS


def test_answers_are_deterministic(request_of, weather):
    engine = RulesEngine()
    request = request_of("What is the weather in Rome?", tools=[weather], n=2)
    assert list(engine.generate(request)) == list(engine.generate(request))


@pytest.mark.parametrize(
    "knob", [{"temperature": 0.0}, {"temperature": 2.0}, {"top_p": 0.1}, {"frequency_penalty": 1.0}]
)
def test_sampling_makes_no_difference(request_of, knob):
    engine = RulesEngine()
    assert list(engine.generate(request_of("Hi", **knob))) == list(
        engine.generate(request_of("Hi"))
    )


def test_skills_can_be_put_before_the_others(request_of):
    engine = RulesEngine(skills=(lambda _: Answer("mine"), *SKILLS))
    assert next(engine.generate(request_of("Hi"))).text == "mine"


def test_every_conversation_has_an_answer(ask):
    for messages in [
        ("Hello",),
        ("",),
        (("system", "Be kind."),),
        (("data", "x"),),
        ("a", "b", "c"),
    ]:
        assert ask(*messages).text


@pytest.mark.parametrize(
    "text",
    [
        "a " * 20_000,
        "A" * 50_000,
        "-" * 20_000,
        "(" * 5_000,
        "1 " * 20_000,
        "Aa " * 10_000,
        "a: " * 10_000,
        "'" * 9_999,
        "\n" * 20_000,
    ],
)
def test_no_text_takes_long(ask, weather, named, text):
    began = time.process_time()
    ask(text, tools=[weather])
    ask(text, tools=[weather], tool_choice=named("get_weather"))
    ask("What is this?", ("data", text))
    print(time.process_time() - began)
