import json

RULE = "---------------------"
CHOICES = f"""\
Some choices are given below. It is provided in a numbered list (1 to 2).
{RULE}
(1) Useful for questions about the weather

(2) Useful for questions about the history of Rome
{RULE}
Using only the choices above and not prior knowledge, return """
FORM = "\n\nThe output should be ONLY JSON formatted as a JSON instance."
FAITHFUL = """\
Please tell if a given piece of information is supported by the context.
You need to answer with either YES or NO.

Information: Pies taste bad.
Context: Pies are round.
Answer: NO
Information: {said}
Context: {context}
Answer: """
RANKING = """\
Example format:
Document 1:
<summary of document 1>

Question: <question>
Answer:
Doc: 9, Relevance: 7

Let's try this now:

Document 1:
Cats purr softly.

Document 2:
Dogs bark at night.

Question: When do dogs bark?
Answer:
"""


def test_one_choice(ask):
    question = "the choice that is most relevant to the question: 'Who ruled Rome?'\n"
    (chosen,) = json.loads(ask(CHOICES + question + FORM).text)
    assert chosen["choice"] == 2
    assert chosen["reason"]


def test_several_choices(ask):
    question = (
        "the top choices (no more than 2, but only select what is needed) that are most relevant "
        "to the question: 'weather in Rome'\n"
    )
    chosen = json.loads(ask(CHOICES + question + FORM).text)
    assert [item["choice"] for item in chosen] == [1, 2]


def test_a_choice_by_number(ask):
    question = (
        "the choice that is most relevant to the question: 'Who ruled Rome?'\n"
        "Provide choice in the following format: 'ANSWER: <number>'\n"
    )
    assert ask(CHOICES + question).text.startswith("ANSWER: 2")


def test_yes_and_no(ask):
    context = "All dogs bark when it is night."
    assert ask(FAITHFUL.format(said="Dogs bark at night.", context=context)).text == "YES"
    assert ask(FAITHFUL.format(said="Cats are green.", context=context)).text == "NO"


def test_ranking(ask):
    assert ask(RANKING).text == "Doc: 2, Relevance: 10"


def test_keywords(ask):
    text = (
        f"Extract up to 2 keywords from the text.{RULE}\nRome is old. Rome is big.\n{RULE}\n"
        "Provide keywords in the following comma-separated format: 'KEYWORDS: <keywords>'\n"
    )
    assert ask(text).text == "KEYWORDS: rome, old"


def test_a_follow_up_is_given_back(ask):
    text = (
        "Rephrase it.\nChat History:\nuser: hi\nFollow Up Input: And in Rome?\nStandalone question:"
    )
    assert ask(text).text == "And in Rome?"
