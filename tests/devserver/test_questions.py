import pytest

from grayswan_devserver.rules.questions import Question, part


@pytest.mark.parametrize(
    ("message", "question"),
    [
        ("Who?", Question("Who?")),
        ("Cats purr.\nDogs bark.\nWho barks?", Question("Who barks?", "Cats purr.\nDogs bark.")),
        ("Who barks?\nDogs bark.", Question("Who barks?", "Dogs bark.")),
        ("Question: Who? \nContext: Me. \nAnswer:", Question("Who?", "Me.")),
        ("Me.\n\nQuery: Who?\nAnswer: ", Question("Who?", "Me.")),
        (
            "The original query is as follows: Who?\nexisting answer: Me.\nWe have more.",
            Question("Who?", "We have more.", "Me."),
        ),
    ],
)
def test_parts(message, question):
    assert part(message) == question


def test_the_last_label_is_the_question():
    assert part("Question: A?\nAnswer: b\nQuestion: C?\nAnswer:").text == "C?"
