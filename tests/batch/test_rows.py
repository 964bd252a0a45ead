from __future__ import annotations

import pytest

from grayswan_batch.errors import InputError, RowTooLargeError, UnreadableRowError
from grayswan_batch.rows import Source


def items(rows, max_row_size=1000):
    return list(Source(rows, max_row_size))


def test_mappings_and_strings_are_rows():
    assert items([{"a": 1}, "Hello"]) == [{"a": 1}, {"prompt": "Hello"}]


@pytest.mark.parametrize("wrong", [7, None, b"bytes", ["list"]])
def test_another_thing_is_an_error_in_its_place(wrong):
    first, bad, last = items([{"a": 1}, wrong, {"a": 2}])

    assert (first, last) == ({"a": 1}, {"a": 2})
    assert isinstance(bad, UnreadableRowError)


@pytest.mark.parametrize("wrong", [{"prompt": "one row"}, 7, None, object()])
def test_what_is_no_rows_is_refused(wrong):
    with pytest.raises(InputError, match="iterable of rows"):
        Source(wrong, 1000)


def test_json_lines_with_bad_ones_among_them(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"a": 1}\n\n"text"\n{"a": \n[1]\n\xff\n'
        + b"[" * 990
        + b'\n{"a": "'
        + b"x" * 2000
        + b'"}\n{"a": 2}'
    )
    found = items(str(path))

    assert [each for each in found if isinstance(each, dict)] == [
        {"a": 1},
        {"prompt": "text"},
        {"a": 2},
    ]
    errors = [str(each) for each in found if not isinstance(each, dict)]
    assert [text.split(":")[0] for text in errors] == [
        "Line 4 is not JSON",
        "Line 5 is a JSON list; a row is an object or a string.",
        "Line 6 is not UTF-8",
        errors[3].split(":")[0],
        "Line 8 is longer than 1,000 bytes (max_row_size).",
    ]
    assert errors[3].startswith("Line 7 is")
    assert isinstance(found[-2], RowTooLargeError)


def test_csv_with_bad_lines_among_them(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(
        b'id,text\n1,"a, b"\n2\n\n3,x,y\n4,\xff\n5,"two\nlines"\n6,' + b"x" * 2000 + b"\n7,z\n"
    )
    source = Source(path, 1000)
    found = list(source)

    assert source.columns == ["id", "text"]
    assert [each for each in found if isinstance(each, dict)] == [
        {"id": "1", "text": "a, b"},
        {"id": "5", "text": "two\nlines"},
        {"id": "7", "text": "z"},
    ]
    assert [str(each) for each in found if not isinstance(each, dict)] == [
        "Line 3 has 1 fields, and the header has 2.",
        "Line 5 has 3 fields, and the header has 2.",
        "Line 6 is not UTF-8: invalid start byte.",
        "Line 9 is longer than 1,000 bytes (max_row_size).",
    ]


def test_a_quote_that_is_never_closed_is_an_error_and_not_the_end(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('id,text\n1,"a"b\n2,c\n')

    bad, good = items(path)
    assert "Line 2 is not CSV" in str(bad)
    assert good == {"id": "2", "text": "c"}


@pytest.mark.parametrize("bad", [b'"', b"\xff"])
@pytest.mark.parametrize("lines", [1, 2, 5])
def test_a_bad_row_of_several_csv_lines_is_one_error_that_says_which(tmp_path, bad, lines):
    inner = b"".join(b"line %d\n" % number for number in range(lines - 1))
    path = tmp_path / "rows.csv"
    path.write_bytes(b'\ntext\nfirst\n"' + inner + b"a" + bad + b'a"\n"last"\n')

    first, error, last = items(path)
    assert (first, last) == ({"text": "first"}, {"text": "last"})
    if bad == b"\xff":
        assert str(error).startswith(f"Line {3 + lines} is not UTF-8")
    elif lines == 1:
        assert str(error).startswith("Line 4 is not CSV")
    else:
        assert str(error).startswith(f"Lines 4 to {3 + lines} are not CSV")


@pytest.mark.parametrize("header", ["id,id\n1,2\n", "\xff\xfe"])
def test_a_header_that_cannot_be_used_is_refused(tmp_path, header):
    path = tmp_path / "rows.csv"
    path.write_bytes(header.encode("latin-1"))

    with pytest.raises(InputError, match=r"two columns of one name|no header"):
        items(path)


@pytest.mark.parametrize(
    ("name", "says"), [("rows.parquet", "not a kind of file"), ("none.jsonl", "cannot be read")]
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path, name, says):
    with pytest.raises(InputError, match=says):
        Source(tmp_path / name, 1000)


def test_how_much_of_a_file_was_read(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n' * 4)
    source = Source(path, 1000)

    assert source.fraction_read is None
    found = iter(source)
    next(found)
    assert source.fraction_read == 0.25
    assert len(list(found)) == 3
    assert source.fraction_read == 1.0


def test_the_length_of_a_list_is_known_and_that_of_a_generator_is_not():
    assert Source([{}, {}], 1000).total == 2
    assert Source(({} for _ in range(2)), 1000).total is None


async def test_an_async_iterable_is_read_by_async_code_alone():
    async def rows():
        yield "Hello"

    assert [each async for each in Source(rows(), 1000)] == [{"prompt": "Hello"}]
    assert [each async for each in Source(["Hello"], 1000)] == [{"prompt": "Hello"}]
    with pytest.raises(InputError, match="arun"):
        items(rows())
