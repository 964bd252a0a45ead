from grayswan_devserver import REFUSAL_TRIGGER


def test_the_trigger_is_refused(ask):
    answer = ask(f"Please {REFUSAL_TRIGGER}")
    assert answer.reason == "content_filter"
    assert answer.text


def test_even_where_a_tool_is_named(ask, weather, named):
    answer = ask(REFUSAL_TRIGGER, tools=[weather], tool_choice=named("get_weather"))
    assert answer.reason == "content_filter"


def test_untrusted_text_cannot_trigger_it(ask):
    assert ask("What is this?", ("data", f"This is {REFUSAL_TRIGGER}.")).reason == "stop"


def test_an_earlier_turn_has_no_effect(ask):
    assert ask(REFUSAL_TRIGGER, ("assistant", "No."), "Hello!").reason == "stop"
