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
        *("a ", "A", "-", "(", "1 ", "Aa ", "a: ", "'", "\n", " ", "in A and in B ", "1+", "a@"),
        *("Question: x\n", "Context:\n", "'a' ", "1"),
    ],
)
def test_any_long_text_is_answered(ask, weather, named, text):
    # A rule that backtracks without end would hang here.
    long = text * (20_000 // len(text))
    assert ask(long, tools=[weather], tool_choice=named("get_weather")).tool_calls
    for messages in [(long,), ("What is this?", ("data", long)), (("system", long), "What?")]:
        assert ask(*messages, tools=[weather]).reason in {"stop", "tool_calls"}
