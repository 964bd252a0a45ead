from __future__ import annotations

import textwrap
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.leakage.attacks import documents
from grayswan_core.untrusted.lines import is_regular, lines_between, unmarked_lines
from grayswan_core.untrusted.marks import mark_untrusted
from grayswan_core.untrusted.spelling import Kind, anchors


def between(text):
    """What `lines_between` finds between the first two marks."""
    found = lines_between(text, *anchors(text)[:2])
    return None if found is None else text[slice(*found)]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a☴ b c☴", None),
        ("a☴\nb☴", None),
        ("a☴\n\n\nb☴", None),
        ("a☴ cut\nOwn.\noff b☴", "\nOwn.\n"),
        ("a☴\n\nOwn.\n\nb☴", "\n\nOwn.\n\n"),
        ("a☴\n" + "own " * 30 + "\nb☴", "\n" + "own " * 30 + "\n"),
    ],
)
def test_a_line_without_a_tick_is_not_the_texts(text, lines):
    assert lines == between(text)


@given(st.integers(25, 100), st.integers(8, 60))
def test_a_line_that_may_have_been_wrapped_is(width, count):
    marked = mark_untrusted(" ".join(f"word{number}" for number in range(count)))
    wrapped = textwrap.fill(marked, width, break_long_words=False)
    found = anchors(wrapped)
    for first, second in pairwise(found):
        assert lines_between(wrapped, first, second) is None


@given(documents)
def test_the_ticks_of_a_text_are_regular(document):
    ticks = [mark for mark in anchors(mark_untrusted(document)) if mark.kind is Kind.TICK]
    if len(ticks) > 1:
        marked = mark_untrusted(document)
        assert is_regular(marked[: ticks[-1].end], ticks)


@pytest.mark.parametrize("text", ["☴☴", "a☴", "Wind☴ and wood☴ rise.", "a☴ b☴ c☴ d"])
def test_characters_of_a_texts_own_are_not(text):
    assert not is_regular(text, anchors(text))


def test_unmarked_lines_are_those_with_words_and_no_mark():
    text = "a☴\n\nb\n  c d\ne☴ f\ng"
    assert ["b", "c"] == [text[place - 1] for place in unmarked_lines(text, 0, len(text))]
