from __future__ import annotations

import html
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grayswan_core._message_text import CUT, printable, redact, shortened

SECRET = "gs-key-0123456789"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain é 日本 🙂", "plain é 日本 🙂"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq\x1b\\a\x1b(Bb\x1bcc", "abc"),
        ("\x9b31mred", "red"),
        ("\x1b[", ""),
        ("a\r\nb\tc\u2028d", "a  b c d"),
        ("a\x00b\x08c\x7fd\x85e", "abcd e"),
        ("\u202egnihton\u202c \u2066x\u2069 \u200fy", "gnihton x y"),
        ("a\u200bb\ufeffc\U000e0041d\ud800", "abcd"),
    ],
)
def test_nothing_that_a_terminal_acts_on_is_left(text, expected):
    assert expected == printable(text)


@given(st.text())
def test_any_text_becomes_printable_and_a_printable_one_stays(text):
    assert printable(text).isprintable()
    assert printable(text) == printable(printable(text))
    if text.isprintable():
        assert text == printable(text)


@given(st.text(), st.integers(0, 20))
def test_a_text_is_cut_where_it_is_too_long(text, length):
    cut = shortened(text, length)
    assert text == cut or (text[:length] + CUT == cut and len(text) > length)


SPELLINGS = {
    "plain": str,
    "repr": lambda text: repr(text)[1:-1],
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON, slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "HTML": html.escape,
    "repr of JSON": lambda text: repr(json.dumps(text)[1:-1])[1:-1],
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@given(secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40))
def test_a_secret_is_redacted_however_it_is_spelt(spelling, secret):
    spelt = SPELLINGS[spelling](secret)
    assert spelt not in redact(f"key: {spelt}; again {spelt}", secret).replace("***", "")


@pytest.mark.parametrize("end", ["", CUT, f"{CUT}.", '"', "'.", f"{CUT}'."])
@pytest.mark.parametrize("length", range(4, len(SECRET)))
def test_the_start_of_a_secret_at_a_cut_is_redacted(length, end):
    assert f"The key ***{end}" == redact(f"The key {SECRET[:length]}{end}", SECRET)


def test_other_text_that_begins_as_a_secret_does_is_left():
    text = "gs-keys are keys that begin with gs-key-"
    assert text.removesuffix("gs-key-") + "***" == redact(text, SECRET)
    assert "gs-" == redact("gs-", SECRET)


@given(st.text("gs-key012 .", max_size=60))
def test_no_text_grows_a_secret_by_being_redacted(text):
    assert SECRET not in redact(text + SECRET + text, SECRET)
