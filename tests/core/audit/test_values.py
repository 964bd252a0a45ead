from __future__ import annotations

import pytest

from grayswan_core.audit.values import is_name, prose, strings


def test_every_text_of_a_value():
    value = {"a": ["b", {"c": ("d", 1, None, b"binary")}], "e": {"f"}}
    assert ["a", "b", "c", "d", "e", "f"] == list(strings(value))


def test_an_object_is_what_it_is_shown_as():
    class Page:
        def __str__(self):
            return "a page"

    assert ["a page"] == list(strings([Page()]))


def test_what_holds_itself_comes_to_an_end():
    value = []
    value.append(value)
    assert ["[[...]]"] == list(strings(value))


def test_the_prose_of_a_content_block():
    block = {
        "type": "document",
        "id": "0a1b",
        "source": {"data": "Two words", "url": "https://example.com/a"},
        "picture": "A" * 5000,
        "words": "a " * 5000,
    }
    assert ["Two words", "a " * 5000] == list(prose(block))
    assert [] == list(prose(None))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("report.pdf", True), ("https://example.com/a", True), ("Two words", False)],
)
def test_names_of_metadata(text, expected):
    assert expected == is_name(text)
