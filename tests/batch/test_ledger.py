from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

import pytest

from grayswan_batch.errors import InputError, OutputError
from grayswan_batch.ledger import Ledger, output_paths

HEAD = {"model": "cygnet", "prompt": "question"}


@pytest.fixture
def open_ledger(to):
    opened = []

    def make(*, resume=False, head=HEAD, path=to):
        opened.append(Ledger(path, head, resume=resume))
        return opened[-1]

    yield make
    for ledger in opened:
        with suppress(Exception):  # it was closed by the test
            ledger.close()


def fill(ledger, *keys):
    for key in keys:
        ledger.answer(key, {"id": key, "answer": key.upper()})


def test_an_answer_is_known_at_once_and_after_resuming(open_ledger):
    ledger = open_ledger()
    fill(ledger, "a", "b")
    assert [ledger.has(key) for key in "abc"] == [True, True, False]
    ledger.close()

    again = open_ledger(resume=True)
    assert [again.has(key) for key in "abc"] == [True, True, False]


def test_answers_that_the_index_never_saw_are_found_in_the_output(open_ledger, to):
    ledger = open_ledger()
    fill(ledger, "a")
    ledger.checkpoint()
    with to.open("a") as file:  # as a process that was killed has left it
        file.write('{"id":"b","answer":"B"}\n{"id":"c","ans')
    ledger.close()
    again = open_ledger(resume=True)

    assert [again.has(key) for key in "abc"] == [True, True, False]
    assert to.read_text().splitlines()[-1] == '{"id":"b","answer":"B"}'


@pytest.mark.parametrize(
    "change", [lambda text: text[10:], lambda text: "", lambda text: text[::-1]]
)
def test_an_output_that_was_changed_by_hand_is_the_truth(open_ledger, to, change):
    ledger = open_ledger()
    fill(ledger, *(f"row-{number}" for number in range(20)))
    ledger.close()
    lines = to.read_text().splitlines(keepends=True)
    kept = change(lines)
    to.write_text("".join(kept))
    again = open_ledger(resume=True)

    left = "".join(kept)
    assert all(again.has(f"row-{n}") == (f'"row-{n}"' in left) for n in range(20))


def test_an_output_that_is_there_is_not_overwritten(open_ledger, to):
    ledger = open_ledger()
    fill(ledger, "a")
    ledger.close()
    before = to.read_bytes()

    with pytest.raises(OutputError, match=r"nothing is overwritten.*resume=True"):
        open_ledger()
    assert to.read_bytes() == before


def test_an_output_of_something_else_is_not_gone_on_with(open_ledger, to):
    to.write_text('{"id": 1, "mine": true}\n')

    with pytest.raises(OutputError, match=r"no answers\.ledger beside it"):
        open_ledger(resume=True)
    assert to.read_text() == '{"id": 1, "mine": true}\n'


def test_another_run_is_refused_with_what_differs(open_ledger):
    ledger = open_ledger()
    fill(ledger, "a")
    ledger.close()

    with pytest.raises(OutputError, match='prompt was "question" and is "text"'):
        open_ledger(resume=True, head={**HEAD, "prompt": "text"})


def test_a_run_without_an_answer_yet_has_its_head_too(open_ledger):
    open_ledger().close()

    with pytest.raises(OutputError, match="is of another run"):
        open_ledger(resume=True, head={})
    open_ledger(head={}).close()  # nothing is there that could be overwritten


def test_failures_begin_anew_when_their_rows_are_asked_again(open_ledger, to, read):
    ledger = open_ledger()
    fill(ledger, "a")
    ledger.fail({"id": "b", "error_type": "ValueError"})
    ledger.close()
    failed = output_paths(to)[1]
    assert [each["id"] for each in read(failed)] == ["b"]

    open_ledger(resume=True)
    assert failed.read_text() == ""


@pytest.mark.parametrize("resume", [False, True])
def test_failures_of_something_else_are_not_overwritten(open_ledger, to, resume):
    failed = output_paths(to)[1]
    failed.write_text('{"id": "b"}\n')
    with pytest.raises(OutputError, match="nothing tells which run"):
        open_ledger(resume=resume)

    assert failed.read_text() == '{"id": "b"}\n'
    assert not to.exists()


def test_an_index_that_cannot_be_read_is_an_error_of_the_output(open_ledger):
    ledger = open_ledger()
    fill(ledger, "a")
    ledger.close()

    with pytest.raises(OutputError, match="cannot be read"):
        ledger.has("b")


LOCKED = """
import sys
from pathlib import Path
from grayswan_batch.errors import OutputError
from grayswan_batch.ledger import Ledger
try:
    Ledger(Path(sys.argv[1]), {}, resume=True)
except OutputError as error:
    print(error)
"""


def test_a_second_process_is_kept_out(open_ledger, to):
    fill(open_ledger(), "a")
    command = [sys.executable, "-c", LOCKED, str(to)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own code

    assert "is in use by another run" in done.stdout


def test_a_line_that_is_no_answer_is_named(open_ledger, to):
    ledger = open_ledger()
    fill(ledger, "a")
    ledger.close()
    with to.open("a") as file:
        file.write("oops\n")

    with pytest.raises(OutputError, match="no answer, at byte 24"):
        open_ledger(resume=True)


def test_a_ledger_that_is_none_is_named(open_ledger, to):
    to.write_text('{"id": 1}\n')
    output_paths(to)[2].write_text("this is no database, whatever it is called" * 100)

    with pytest.raises(OutputError, match=r"answers\.ledger cannot be used"):
        open_ledger(resume=True)


def test_an_output_has_the_name_of_what_is_in_it(tmp_path):
    with pytest.raises(InputError, match=r"call it answers\.jsonl"):
        output_paths(tmp_path / "answers.csv")
