import pytest

from grayswan_devserver.rules.questions import Question, part


@pytest.mark.parametrize(
    ("message", "question"),
    [
        ("Who?", Question("Who?")),
        ("Cats purr.\nDogs bark.\nWho barks?", Question("Who barks?", "Cats purr.\nDogs bark.")),
        ("Who barks?\nDogs bark.", Question("Who barks?", "Dogs bark.")),
        ("Question: Who? \nContext: Me. \nAnswer:", Question("Who?", "Me.")),
        ("<context>Me.</context>\nQuestion: Who?", Question("Who?", "Me.")),
        ("Me.\n\nQuery: Who?\nAnswer: ", Question("Who?", "Me.")),
        ("Context:\nMe.\nYou.\nQuestion: Who?", Question("Who?", "Me.\nYou.")),
        ("Summarize: Me.", Question("Summarize this.", "Me.")),
    ],
)
def test_parts(message, question):
    assert part(message) == question


def test_the_last_label_is_the_question():
    assert part("Question: A?\nAnswer: b\nQuestion: C?\nAnswer:").text == "C?"
