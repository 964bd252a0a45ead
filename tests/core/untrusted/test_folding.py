from __future__ import annotations

import html
import json
from urllib.parse import quote, quote_plus

import pytest

from grayswan_core.untrusted.folding import folded, plain, variants, words_of
from grayswan_core.untrusted.marks import mark_untrusted

TEXT = 'A "quoted" word & an é,\nand 😀 on the <next> line.'

WAYS = {
    "as it is": lambda text: text,
    "JSON": json.dumps,
    "JSON, other characters kept": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON in JSON": lambda text: json.dumps({"found": json.dumps([text])}),
    "repr": lambda text: str([text]),
    "HTML": html.escape,
    "HTML, twice": lambda text: html.escape(html.escape(text)),
    "HTML in JSON": lambda text: json.dumps(html.escape(text)),
    "URL": quote,
    "form": quote_plus,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mark", [str, mark_untrusted, lambda t: mark_untrusted(t, ticks=False)])
def test_escapes_and_marks_are_taken_off(way, mark):
    shown = [" ".join(each.split()) for each in variants(WAYS[way](mark(TEXT)))]
    assert any(" ".join(TEXT.split()) in each for each in shown)


def test_a_text_without_escapes_is_its_only_variant():
    assert ["Nothing to take off."] == variants("Nothing to take off.")


def test_the_number_of_variants_is_bounded():
    assert len(variants("\\\\\\\\n &amp;amp;amp; %252525 " * 100)) <= 8


@pytest.mark.parametrize(
    "text",
    [
        "One two\nthree.",
        "  ONE  two\r\n\tthree. ",
        "> One two\n> three.",
        "* One two\n  > > three.",
        "One\N{NO-BREAK SPACE}two\N{LINE SEPARATOR}three.",
        "\N{FULLWIDTH LATIN CAPITAL LETTER O}ne two three.",
    ],
)
def test_layout_and_case_make_no_difference(text):
    assert ["one", "two", "three."] == words_of(folded(text))


def test_plain_is_the_text_without_marks():
    assert ["one", "two"] == plain(mark_untrusted("One two"))
