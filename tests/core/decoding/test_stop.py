from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grayswan_core.decoding.stop import StopFilter, normalize_stop, truncate
from grayswan_core.errors import InvalidRequestError

# Two letters, so that sequences overlap each other and themselves.
sequences = st.lists(st.text("ab", min_size=1, max_size=5), max_size=4)
pieces = st.lists(st.text("ab", max_size=6), max_size=12)


def beginnings(stop):
    return {each[:length] for each in stop for length in range(1, len(each))}


def filtered(given_pieces, stop):
    stop_filter = StopFilter(stop)
    out = [stop_filter.feed(piece) for piece in given_pieces]
    return "".join([*out, stop_filter.flush()]), stop_filter.stopped


def first_stop(text, stop):
    """`truncate` the slow way: letter by letter until a sequence is complete."""
    for end in range(1, len(text) + 1):
        found = [each for each in stop if text[:end].endswith(each)]
        if found:
            return text[: end - max(map(len, found))], True
    return text, False


@given(st.text("ab", max_size=40), sequences)
def test_a_text_ends_where_the_first_sequence_is_complete(text, stop):
    assert first_stop(text, stop) == truncate(text, stop)


@given(pieces, sequences)
@example(["a", "ab"], ["aab", "ab"])
@example(["ab", "a", "b"], ["abab", "ba"])
def test_any_pieces_of_a_text_are_cut_as_the_whole_is(given_pieces, stop):
    assert truncate("".join(given_pieces), stop) == filtered(given_pieces, stop)


@given(pieces, sequences)
def test_what_is_held_back_could_always_still_begin_a_sequence(given_pieces, stop):
    stop_filter = StopFilter(stop)
    text = out = ""
    for piece in given_pieces:
        out += stop_filter.feed(piece)
        text += piece
        if stop_filter.stopped:
            break
        held = text.removeprefix(out)
        assert text == out + held
        assert held == "" or held in beginnings(stop)


@given(pieces, sequences)
def test_what_could_still_begin_a_sequence_never_leaks(given_pieces, stop):
    stop_filter = StopFilter(stop)
    text = out = ""
    for piece in given_pieces:
        out += stop_filter.feed(piece)
        text += piece
        whole, stopped = truncate(text, stop)
        assert whole.startswith(out)
        if not stopped:
            waiting = max(
                (len(each) for each in beginnings(stop) if text.endswith(each)), default=0
            )
            assert len(text) - waiting == len(out)


@given(pieces)
def test_without_sequences_nothing_is_held_or_lost(given_pieces):
    stop_filter = StopFilter(())
    assert given_pieces == [stop_filter.feed(piece) for piece in given_pieces]
    assert stop_filter.flush() == ""


def test_nothing_comes_out_after_a_stop():
    stop_filter = StopFilter(["END"])
    assert "a " == stop_filter.feed("a END b EN")
    assert stop_filter.stopped
    assert "" == stop_filter.feed("c")
    assert "" == stop_filter.flush()


def test_flushing_gives_what_waited_once():
    stop_filter = StopFilter(["END"])
    assert "a" == stop_filter.feed("aEN")
    assert "EN" == stop_filter.flush()
    assert "" == stop_filter.flush()


def test_of_two_sequences_that_end_together_the_longer_counts():
    assert ("x", True) == truncate("x\n\nUser:", ["User:", "\n\nUser:"])


@pytest.mark.parametrize(
    ("given_stop", "expected"),
    [(None, ()), ((), ()), ([], ()), ("END", ("END",)), (["a", "b"], ("a", "b"))],
)
def test_stop_sequences_come_as_none_one_or_many(given_stop, expected):
    assert expected == normalize_stop(given_stop)


@pytest.mark.parametrize("given_stop", ["", [""], ["a", ""], [None], [3], [b"a"]])
def test_a_stop_sequence_that_is_none_is_refused(given_stop):
    with pytest.raises(InvalidRequestError, match="at least one character"):
        normalize_stop(given_stop)
