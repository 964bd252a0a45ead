from __future__ import annotations

import html
import json
import re
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given

from benchmarks.leakage.attacks import HOSTILE, LEAD, LEADS, documents, texts
from grayswan_core.untrusted.marks import has_marks, mark_untrusted, without_marks
from grayswan_core.untrusted.spelling import Kind, anchors, without

# What templates do to a text, and the text that is then in it.
SPELLINGS = {
    "as it is": lambda text: text,
    "json": json.dumps,
    "json, unescaped": lambda text: json.dumps(text, ensure_ascii=False),
    "json in json": lambda text: json.dumps(json.dumps(text)),
    "json in json in json": lambda text: json.dumps([json.dumps({"a": json.dumps(text)})]),
    "repr of a list": lambda text: str([text]),
    "ascii": ascii,
    "html": html.escape,
    "html references": lambda text: text.encode("ascii", "xmlcharrefreplace").decode(),
    "html references, escaped": lambda text: html.escape(
        text.encode("ascii", "xmlcharrefreplace").decode()
    ),
    "backslashes": lambda text: text.encode("ascii", "backslashreplace").decode(),
    "a URL": quote,
    "a URL in a URL": lambda text: quote(quote(text, safe=""), safe=""),
    "upper case": str.upper,
    "title case": str.title,
    "swapped case": str.swapcase,
}


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
@given(text=documents)
@example(text="Back\\slash\\\\es and C:\\ ☴ and \\u2634 too \\")
@example(text="\n".join(HOSTILE))
def test_marks_are_read_however_they_are_spelt(spell, text):
    assume(text.strip())
    marked = spell(mark_untrusted(text))
    found = anchors(marked)
    assert [Kind.OPEN, Kind.CLOSE] == [each.kind for each in found if each.id]
    bare = without_marks(marked)
    if LEAD not in text and "2634" not in text:
        assert not has_marks(bare)
    assert re.findall(r"w\d+x\d+", text) == re.findall(r"w\d+x\d+", bare.lower())


def test_backslashes_of_the_text_are_its_own():
    said = {"path": "C:\\" + mark_untrusted("one\\") + "\\", "n": "\\\\" + mark_untrusted("x")}
    for text in (
        json.dumps(said),
        json.dumps(json.dumps(said)),
        json.dumps([json.dumps([json.dumps(said)])]),
    ):
        value = without_marks(text)
        while isinstance(value, str):
            value = json.loads(value)
            value = value[0] if isinstance(value, list) else value
        assert {"path": "C:\\one\\\\", "n": "\\\\x"} == value


@pytest.mark.parametrize("lead", LEADS)
def test_all_spellings_are_looked_for(lead):
    assert has_marks(f"before{lead} after")


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("a☴ b", ["TICK"]),
        ("a☴: b☴=c", ["TICK", "LITERAL"]),
        ("☴ a ☴b '☴'", ["CHARACTER"] * 3),
        ("☴data:k3x7f2a5bq☴ a ☴enddata:k3x7f2a5bq☴", ["LIGHT_OPEN", "LIGHT_CLOSE"]),
        ("☴untrusted:k3x7f2a5bq☴ a ☴end:k3x7f2a5bq☴", ["OPEN", "CLOSE"]),
        ("☴untrusted:k3x9f2a7b1☴", ["TICK", "TICK"]),
        ("a ☴endda", ["TICK"]),
        ("a&#9780;=b%E2%98%B4%3D", ["LITERAL", "LITERAL"]),
    ],
)
def test_marks_are_told_apart(text, kinds):
    assert kinds == [anchor.kind.name for anchor in anchors(text)]


@given(texts)
def test_the_fast_way_finds_what_the_pattern_finds(text):
    """A text with no escaped spelling is read in a way of its own."""
    hint = " 98%E2 \\u2634"  # makes the pattern be used
    assert anchors(text) == [each for each in anchors(text + hint) if each.end <= len(text)]


@given(texts)
def test_without_its_marks_a_text_is_what_stands_between_them(text):
    found = anchors(text)
    bare = without(text, found, 0, len(text))
    assert len(bare) <= len(text)
    assert text == without(text, [], 0, len(text))
