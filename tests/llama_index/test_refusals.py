from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llama_index_grayswan.refusals import MessageText, text_parts

PIECES = st.fixed_dictionaries(
    {},
    optional={
        "content": st.one_of(st.none(), st.text("ab", max_size=2)),
        "refusal": st.one_of(st.none(), st.text("ab", max_size=2)),
    },
)


def read(*deltas):
    text = MessageText()
    return [text.add(delta) for delta in deltas], text.parts


@pytest.mark.parametrize(
    ("content", "refusal", "expected"),
    [
        (None, None, []),
        ("Hi", None, ["Hi"]),
        (None, "No.", ["No."]),
        ("No.", "No.", ["No."]),
        ("Sure, first", "No.", ["Sure, first", "No."]),
    ],
)
def test_a_whole_message_says_each_once(content, refusal, expected):
    assert expected == text_parts(content, refusal)


@pytest.mark.parametrize(
    "deltas",
    [
        [{"content": "N", "refusal": "N"}, {"content": "o.", "refusal": "o."}],
        [{"refusal": "No."}, {"content": "No."}],
        [{"content": "No."}, {"refusal": "N"}, {"refusal": "o."}],
        [{"refusal": "N"}, {"content": "N"}, {"refusal": "o."}, {"content": "o."}],
        [{"refusal": "N"}, {"content": "No."}, {"refusal": "o."}],
    ],
)
def test_a_refusal_that_comes_twice_is_said_once(deltas):
    assert ["No."] == read(*deltas)[1]


def test_a_refusal_after_other_text_is_a_part_of_its_own():
    added, parts = read({"content": "Sure, "}, {"refusal": "S"}, {"refusal": "orry."})
    assert ["Sure, ", "Sorry."] == parts
    assert ["Sure, ", "", "\nSorry."] == added


@given(st.lists(PIECES, max_size=8))
def test_what_is_added_is_the_text(deltas):
    added, parts = read(*deltas)
    assert "\n".join(parts) == "".join(added)


@given(st.lists(st.text("ab", max_size=3), max_size=5))
def test_content_alone_is_itself(pieces):
    text = MessageText()
    assert pieces == [text.add({"content": piece}) for piece in pieces]
    assert "".join(pieces) == "".join(text.parts)
