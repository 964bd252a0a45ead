from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grayswan_batch.errors import RowTooLargeError
from grayswan_batch.lines import Lines

END = object()


def all_of(lines):
    def one():
        try:
            return next(lines, END)
        except RowTooLargeError:
            return None

    return list(iter(one, END))


@given(st.binary(max_size=200), st.integers(1, 50))
def test_lines_are_whole_and_too_long_ones_are_skipped(content, size):
    lines = Lines(io.BytesIO(content), size)
    expected = [line if len(line) <= size else None for line in io.BytesIO(content)]

    assert expected == all_of(lines)
    assert len(expected) == lines.number
    assert len(content) == lines.position


def test_a_line_of_many_pieces_is_skipped_without_being_kept():
    lines = Lines(io.BytesIO(b"x" * 300_000 + b"\nnext\n"), 10)

    with pytest.raises(RowTooLargeError, match="Line 1 is longer than 10 bytes"):
        next(lines)
    assert next(lines) == b"next\n"
