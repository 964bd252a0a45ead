import json

import pytest

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "year": {"type": "integer"}},
    "required": ["name", "year"],
}
ABBA = {"name": "Arrival", "year": 1976}
REQUEST = "Make an album with name 'Arrival' and year 1976."


def test_keys_in_words(ask):
    text = "Tell me a joke. Return the result as a JSON with 'setup' and 'punchline' keys."
    assert set(json.loads(ask(text).text)) == {"setup", "punchline"}


@pytest.mark.parametrize(
    "form",
    [
        "\n\nHere's a JSON schema to follow:\n{}\n\nOutput a valid JSON object.",
        "\nThe output should be formatted as a JSON instance.\n```\n{}\n```",
    ],
)
def test_a_schema_in_the_message(ask, form):
    message = REQUEST + form.replace("{}", json.dumps(SCHEMA))
    assert json.loads(ask(message).text) == ABBA


def test_a_schema_whose_braces_are_escaped(ask):
    schema = json.dumps(SCHEMA).replace("{", "{{").replace("}", "}}")
    message = f"{REQUEST}\n\nHere's a JSON schema to follow:\n{schema}\n"
    assert json.loads(ask(message).text) == ABBA


def test_a_schema_in_the_system_message(ask):
    system = f"Answer in JSON of this schema: {json.dumps(SCHEMA)}"
    assert json.loads(ask(("system", system), REQUEST).text) == ABBA


def test_speaking_of_json_is_not_asking_for_it(ask):
    assert not ask("What is JSON?").text.startswith("{")
