from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timezone
from decimal import Decimal
from uuid import UUID

import pytest

from grayswan_batch.errors import DuplicateIdError, InputError, MissingColumnError, RowError
from grayswan_batch.ids import Occurrences, RowIds, hash_of, require_column


@pytest.fixture
def ids():
    made = []

    def make(column=None):
        made.append(RowIds(column))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_equal_rows_differ_by_their_occurrence(ids):
    of = ids().of
    first, second, other = (of({"a": 1}), of({"a": 1}), of({"a": 2}))

    assert first.key.endswith("-1")
    assert second.key == first.key.replace("-1", "-2")
    assert other.key not in (first.key, second.key)


def test_a_second_run_finds_the_same_ids(ids):
    rows = [{"a": n % 3, "b": "x"} for n in range(10)]

    assert list(map(ids().of, rows)) == list(map(ids().of, rows))


def test_a_hash_is_the_same_in_every_process_and_for_every_order():
    row = {
        "b": Decimal("1.5"),
        "a": datetime(2024, 1, 1, tzinfo=timezone.utc),
        "c": UUID(int=1),
        "d": {"x": b"\xff"},
        "e": "\ud800",
    }
    code = (
        "from grayswan_batch.ids import *; from datetime import *; from decimal import *;"
        "from uuid import *; print(hash_of({'e': '\\ud800', 'd': {'x': b'\\xff'}, 'c': UUID(int=1),"
        "'a': datetime(2024, 1, 1, tzinfo=timezone.utc), 'b': Decimal('1.5')}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - our own code

    assert hash_of(row) == done.stdout.strip()


def test_a_row_that_has_no_stable_hash_says_so():
    with pytest.raises(RowError, match=r"object is not a value.* Pass id="):
        hash_of({"a": object()})


def test_ids_of_a_column_are_kept_as_they_are(ids):
    of = ids("id").of

    assert [of({"id": value}).shown for value in ("x", 7)] == ["x", 7]


@pytest.mark.parametrize("value", ["x", 7, "7"])
def test_an_id_that_comes_again_is_an_error(ids, value):
    of = ids("id").of
    for each in ("x", 7):
        of({"id": each})

    with pytest.raises(DuplicateIdError, match=repr(value)):
        of({"id": value})


@pytest.mark.parametrize("row", [{}, {"id": None}, {"id": ""}])
def test_a_row_without_its_id_is_an_error(ids, row):
    with pytest.raises(MissingColumnError, match="'id'"):
        ids("id").of(row)


@pytest.mark.parametrize("value", [1.5, True, ["x"]])
def test_what_cannot_be_an_id_is_an_error(ids, value):
    with pytest.raises(RowError, match="string or an integer"):
        ids("id").of({"id": value})


def test_occurrences_are_counted():
    counts = Occurrences()

    assert [counts.count(key) for key in "abaca"] == [1, 1, 2, 1, 3]
    counts.close()


def test_a_column_that_a_file_lacks_is_refused_before_anything_is_read():
    require_column("a", ["a", "b"], "The column")
    require_column("a", None, "The column")
    with pytest.raises(InputError, match="The column 'c' is not among the columns: a, b"):
        require_column("c", ["a", "b"], "The column")
