from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grayswan_batch.errors import OutputError
from grayswan_batch.jsonl import JsonLines


def test_a_line_is_there_at_once(tmp_path):
    path = tmp_path / "a.jsonl"
    lines = JsonLines(path)
    lines.append({"id": 1, "text": "Größe\n\ud800"})

    assert json.loads(path.read_text()) == {"id": 1, "text": "Größe\n\ud800"}
    assert lines.size == path.stat().st_size
    lines.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    records=st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20)), max_size=5),
    cut=st.integers(0, 400),
)
def test_a_file_that_was_cut_anywhere_is_mended(tmp_path, records, cut):
    path = tmp_path / "a.jsonl"
    lines = JsonLines(path, empty=True)
    for record in records:
        lines.append(record)
    lines.close()
    kept = path.read_bytes()[:cut]
    path.write_bytes(kept)
    lines = JsonLines(path)
    lines.mend()
    lines.append({"new": "line"})
    lines.close()

    found = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert found[:-1] == records[: len(found) - 1]
    assert found[-1] == {"new": "line"}
    assert len(found) - 1 >= kept.count(b"\n")


def test_a_last_line_that_lacks_only_its_end_is_kept(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 1}\n{"id": 2}')
    lines = JsonLines(path)
    lines.mend()
    lines.close()

    assert path.read_text() == '{"id": 1}\n{"id": 2}\n'


def test_a_long_half_line_is_dropped(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 1}\n{"id": "' + "x" * 200_000)
    lines = JsonLines(path)
    lines.mend()
    lines.close()

    assert path.read_text() == '{"id": 1}\n'


FULL = """
import resource, sys
from pathlib import Path
from grayswan_batch.errors import OutputError
from grayswan_batch.jsonl import JsonLines
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
lines = JsonLines(Path(sys.argv[1]))
lines.append({"id": 1})
try:
    lines.append({"id": 2, "text": "x" * 200})
except OutputError as error:
    print(error)
    print(error.unwritten[0]["id"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
def test_a_full_disk_leaves_whole_lines_and_says_what_to_do(tmp_path):
    path = tmp_path / "a.jsonl"
    command = [sys.executable, "-c", FULL, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own code

    assert "make room, and go on with resume=True" in done.stdout
    assert done.stdout.splitlines()[-1] == "2"
    assert path.read_text() == '{"id":1}\n'


def test_a_place_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        JsonLines(tmp_path / "none" / "a.jsonl")
