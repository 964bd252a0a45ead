import json

import pytest


def test_passages_are_put_in_order(ask):
    messages = [
        ("system", "You rank passages."),
        "[1] Cats purr.",
        ("assistant", "Received passage [1]."),
        "[2] Dogs bark at night.",
        ("assistant", "Received passage [2]."),
    ]
    order = "Search Query: When do dogs bark?. \nRank them. The output format should be [] > []."
    assert ask(*messages, order).text == "[2] > [1]"


@pytest.mark.parametrize(
    ("generated", "score"), [("It closes at eight.", "5.0"), ("Whales sing.", "1.0")]
)
def test_a_generated_answer_is_scored(ask, generated, score):
    text = (
        "## User Query\nWhen does it close?\n\n## Reference Answer\nIt closes at eight.\n\n"
        f"## Generated Answer\n{generated}\n"
    )
    assert ask(text).text.splitlines()[0] == score


@pytest.mark.parametrize(("response", "score"), [("The shop closes.", "2"), ("Whales.", "0")])
def test_a_response_gets_points(ask, response, score):
    text = (
        "Each question above is worth 1 point. Give '[RESULT] followed by the number'\n\n"
        f"Query: \n When does the shop close?\nResponse: \n {response}\nFeedback:"
    )
    assert ask(text).text.endswith(f"[RESULT] {score}")


def test_a_question_is_split_for_the_tools(ask):
    tools = json.dumps({"uber_10k": "Uber financials", "cooking": "Recipes"}, indent=4)
    text = (
        "Output a list of relevant sub-questions in json markdown.\n<Tools>\n"
        f"```json\n{tools}\n```\n\n<User Question>\nHow is Uber?\n\n<Output>\n"
    )
    answer = ask(text).text.removeprefix("```json").removesuffix("```")
    assert json.loads(answer) == {
        "items": [{"sub_question": "How is Uber?", "tool_name": "uber_10k"}]
    }
