from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grayswan_core.decoding import partial_json
from grayswan_core.decoding.partial_json import PartialArguments, arguments_so_far

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
OBJECTS = st.dictionaries(st.text(), VALUES)


def cut(text, places):
    ends = sorted({place % (len(text) + 1) for place in places})
    starts = [0, *ends]
    return [text[a:b] for a, b in zip(starts, [*ends, len(text)], strict=True)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("{", {}),
        ('{"city"', {}),
        ('{"city": "Col', {"city": "Col"}),
        ('{"city": "Columbus", "days": 3', {"city": "Columbus", "days": 3}),
        ('{"city": "Columbus", "days": ', {"city": "Columbus"}),
        ('{"city": "Columbus", "days": 3}', {"city": "Columbus", "days": 3}),
        ("[1", {}),
        ("nonsense", {}),
    ],
)
def test_of_arguments_still_arriving_what_is_there_is_read(text, expected):
    assert expected == arguments_so_far(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": "x\ny\tz', {"a": "x\ny\tz"}),
        ('{\n  "a": "\\"x\ny', {"a": '"x\ny'}),
        ("nonsense\n", {}),
        ('{"a"\n: "\x00"', {"a": "\0"}),
    ],
)
def test_line_breaks_in_strings_are_read_as_what_is_meant(text, expected):
    assert expected == arguments_so_far(text)


@given(OBJECTS, st.lists(st.integers(0, 10_000)))
def test_short_arguments_are_read_after_every_piece(arguments, places):
    text = json.dumps(arguments)[:2048]
    reading, so_far = PartialArguments(), ""
    for piece in cut(text, places):
        so_far += piece
        assert reading.add(piece) == arguments_so_far(so_far)


@given(OBJECTS, st.text(min_size=2100, max_size=2200), st.lists(st.integers(0, 10_000)))
def test_no_new_key_is_missed_however_long_the_text_is(arguments, filler, places):
    text = json.dumps({"filler": filler, **arguments}, ensure_ascii=False)
    reading, so_far, keys = PartialArguments(), "", {}
    for piece in cut(text, places):
        so_far += piece
        keys = found if (found := reading.add(piece)) is not None else keys
        assert keys.keys() == arguments_so_far(so_far).keys()


@pytest.mark.parametrize("cut", ["\\", "\\u00", "\\ud83d", "\\ud83d\\u"])
def test_a_string_that_is_cut_in_an_escape_is_read_up_to_it(cut):
    assert arguments_so_far(f'{{"a": "x{cut}') == {"a": "x"}


@pytest.mark.parametrize(
    "piece",
    [", 1", "word ", "\\n\\n", 'a \\"quoted\\": word', "{[]}"],
    ids=["numbers", "text", "escapes", "quotes", "brackets"],
)
def test_long_arguments_are_read_a_few_times(monkeypatch, piece):
    looks = []

    def counted(text):
        looks.append(len(text))
        return arguments_so_far(text)

    monkeypatch.setattr(partial_json, "arguments_so_far", counted)
    reading = PartialArguments()
    reading.add('{"items": [0' if piece == ", 1" else '{"text": "')
    for _ in range(20_000):
        reading.add(piece)

    long = [length for length in looks if length > 2048]
    assert len(long) < 100
    assert sum(long) < 20 * 20_000 * len(piece)
