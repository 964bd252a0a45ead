import pytest
from hypothesis import given
from hypothesis import strategies as st

from grayswan_devserver.rules.text import content_words, is_heading, name_words, sentences, stem


@pytest.mark.parametrize("word", ["add", "adds", "adder", "added", "adding"])
def test_words_of_one_stem(word):
    assert stem(word) == "add"


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("get_weather", ["get", "weather"]),
        ("getWeatherNow", ["get", "weather", "now"]),
        ("HTTPRequest", ["http", "request"]),
        ("f", ["f"]),
    ],
)
def test_words_of_a_name(name, parts):
    assert name_words(name) == parts


def test_content_words_leave_out_the_small_ones():
    assert content_words("What is the weather in Ohio?") == {stem("weather"), stem("ohio")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("It is 3.5 km.", ["It is 3.5 km."]),
        ("# Title\n\n- one\n- two", ["Title", "one", "two"]),
        ("一。二\uff01三", ["一。", "二\uff01", "三"]),
        (
            "This line was wrapped at a fixed width by whoever it was that\nwrote it. Next.",
            ["This line was wrapped at a fixed width by whoever it was that wrote it.", "Next."],
        ),
    ],
)
def test_sentences(text, expected):
    assert sentences(text) == expected


@given(st.text())
def test_any_text_has_sentences_that_are_not_empty(text):
    assert all(sentence.strip() for sentence in sentences(text))
    for sentence in sentences(text):
        is_heading(sentence)


def test_headings():
    assert is_heading("Opening hours")
    assert not is_heading("Open daily.")
    assert not is_heading("Open: 9 to 5")
