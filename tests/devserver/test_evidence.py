import re

import pytest

from grayswan_devserver.rules.evidence import Evidence


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("a=1, b=2", "b", "2"),
        ("first name: Ada", "first_name", "Ada"),
        ("the title is 'So it goes' and", "title", "So it goes"),
        ('{"size": "big"}', "size", "big"),
        ("temperature of 0.5 please", "temperature", "0.5 please"),
        ("nothing", "title", None),
        ("a is 1", "a", None),
    ],
)
def test_labelled(text, name, value):
    assert Evidence(text).labelled(name) == value


def test_numbers_are_used_once_and_in_order():
    evidence = Evidence("2 and -3, 1,000 or 4.5, three; not gpt4 or v1.2.3")
    assert evidence.numbers(whole=False) == [2, -3, 1000, 4.5, 3]
    assert evidence.number(whole=False) is None


def test_a_fraction_is_no_whole_number():
    assert Evidence("1.5 then 2").number(whole=True) == 2


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("include the punchline", True),
        ("no punchline", False),
        ("without any punchline", False),
        ("a joke", None),
    ],
)
def test_mentions(text, mentions):
    assert Evidence(text).mentions("punchline") is mentions


@pytest.mark.parametrize("text", ['"a b"', "“a b”", "「a b」", "'a b'", "`a b`", "«a b»"])
def test_quoted(text):
    assert Evidence(f"So {text} it is").quoted() == "a b"


def test_an_apostrophe_is_no_quotation_mark():
    assert Evidence("It's Ann's and Bob's").quoted() is None


def test_names_can_be_avoided_after_a_word():
    assert Evidence("in Rome with Ann").name(avoid="in") == "Ann"


def test_matches_are_used_once():
    evidence = Evidence("x1 x2")
    assert [evidence.match(re.compile(r"x\d")) for _ in range(3)] == ["x1", "x2", None]


def test_mentioned_values_in_order():
    assert list(Evidence("light blue, then red").mentioned(["red", "blue", "light_blue"])) == [
        "light_blue",
        "blue",
        "red",
    ]


def test_pairs():
    assert Evidence("a: 1, b = two").pairs() == {"a": "1", "b": "two"}
