import pytest


@pytest.mark.parametrize(
    ("said", "asked", "answer"),
    [
        ("My name is Alice.", "What is my name?", "Your name is Alice."),
        ("Hi! I'm Bob.", "What's my name?", "You are Bob."),
        ("I am Bob.", "Who am I?", "You are Bob."),
        (
            "My favourite colour is blue.",
            "Which colour is my favourite?",
            "Your favourite colour is blue.",
        ),
    ],
)
def test_what_the_user_said_is_known(ask, said, asked, answer):
    assert ask(said, ("assistant", "I see."), asked).text == answer


def test_the_latest_statement_counts(ask):
    messages = ("My name is Al.", ("assistant", "Ok."), "My name is Bo.", ("assistant", "Ok."))
    assert ask(*messages, "What is my name?").text == "Your name is Bo."


def test_what_the_assistant_said_is_known(ask):
    text = ask(
        "Tell me.", ("assistant", "The code word is swordfish."), "What is the code word?"
    ).text
    assert text == "The code word is swordfish."


def test_the_last_message_is_known(ask):
    assert (
        ask("Cats purr.", ("assistant", "Yes."), "What did I just say?").text
        == "You said: “Cats purr.”"
    )


def test_what_was_not_said_is_not_made_up(ask):
    assert "Paris" not in ask("I like Paris.", ("assistant", "Ok."), "How old is my dog?").text
