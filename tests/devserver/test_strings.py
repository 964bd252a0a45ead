import pytest

from grayswan_devserver.rules.evidence import Evidence
from grayswan_devserver.rules.strings import find_string, fit_string


@pytest.mark.parametrize(
    ("name", "schema", "text", "found"),
    [
        ("location", {}, "What is the weather in New York City?", "New York City"),
        ("origin", {}, "A flight from Paris to Rome", "Paris"),
        ("destination", {}, "A flight from Paris to Rome", "Rome"),
        ("name", {}, "Greet Ada Lovelace in London", "Ada Lovelace"),
        ("name", {}, "A customer named Acme", "Acme"),
        ("name", {}, "請問 王小明 在嗎", "王小明"),
        ("title", {}, "Write 'Moby Dick' down", "Moby Dick"),
        ("email", {}, "Mail ada@example.org now.", "ada@example.org"),
        ("url", {}, "Open https://example.org/a?b=1.", "https://example.org/a?b=1"),
        ("day", {"format": "date"}, "on 2024-05-06", "2024-05-06"),
        ("date", {}, "on March 31st, 2025", "2025-03-31"),
        ("date", {}, "on 1 May 2025", "2025-05-01"),
        ("query", {}, "Search for the best pizza in Rome.", "the best pizza in Rome"),
        ("topic", {}, "Write a poem about the sea.", "the sea"),
        ("expression", {}, "What is 3 * (4 + 1)?", "3 * (4 + 1)"),
        ("city", {}, "city=Paris, days=3", "Paris"),
    ],
)
def test_found(name, schema, text, found):
    assert find_string(name, schema, Evidence(text, text), must=True) == found


def test_nothing_is_found_where_nothing_is_said_and_it_need_not_be():
    assert find_string("nickname", {}, Evidence("Hello there", "x"), must=False) is None


@pytest.mark.parametrize(
    ("text", "schema", "fitted"),
    [
        ("abc", {"maxLength": 2}, "ab"),
        ("a", {"minLength": 3}, "a--"),
        ("", {"minLength": 1}, "-"),
        ("no date", {"format": "date"}, "2024-01-01"),
        ("2025-02-03", {"format": "date"}, "2025-02-03"),
        ("my code is AB12, see?", {"pattern": "^[A-Z]{2}\\d{2}$"}, "AB12"),
    ],
)
def test_fitted(text, schema, fitted):
    assert fit_string(text, schema) == fitted
