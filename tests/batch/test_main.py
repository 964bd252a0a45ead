"""The command line, in processes of its own where signals and streams matter."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from grayswan_batch.__main__ import main

MODEL = """
from pathlib import Path

from langchain_core.runnables import RunnableLambda

async def shout(row):
    if row["prompt"] == "poison":
        raise ValueError("poison")
    return row["prompt"].upper()

def make():
    return RunnableLambda(shout)

model = make()

async def hang(row):
    import asyncio
    print("begun", flush=True)
    while not Path("go").exists():
        await asyncio.sleep(0.01)
    return "at last"

slow = RunnableLambda(hang)

async def refuse(row):
    error = ValueError("no such key")
    error.status_code = 401
    raise error

refused = RunnableLambda(refuse)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sys.modules.pop("its_model", None)
    Path("its_model.py").write_text(MODEL)
    Path("rows.jsonl").write_text('{"prompt": "a"}\n{"prompt": "b"}\n')
    return tmp_path


def call(*options, rows="rows.jsonl", model="its_model:model"):
    return main([rows, "answers.jsonl", "--model", model, *options])


@pytest.mark.parametrize("model", ["its_model:model", "its_model:make"])
def test_every_row_is_answered(folder, capsys, read, model):
    assert call(model=model) == 0
    assert sorted(each["answer"] for each in read(folder / "answers.jsonl")) == ["A", "B"]
    assert "2 rows: 2 answered, 2 requests" in capsys.readouterr().err


def test_a_row_that_fails_shows_in_the_status(folder, capsys):
    Path("rows.jsonl").write_text('{"prompt": "a"}\n{"prompt": "poison"}\n')

    assert call() == 1
    assert "1 failed (ValueError 1)" in capsys.readouterr().err
    assert call("--resume", "--max-failures", "1") == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"model": "its_model"}, "package.module:name"),
        ({"model": "none:model"}, "none:model cannot be loaded: ModuleNotFoundError"),
        ({"model": "its_model:none"}, "its_model:none cannot be loaded: AttributeError"),
        ({"rows": "none.jsonl"}, "cannot be read"),
    ],
)
def test_what_cannot_begin_says_why(folder, capsys, options, says):
    assert call(**options) == 2
    assert says in capsys.readouterr().err


def test_an_output_that_is_there_is_left_alone(folder, capsys):
    assert call() == 0
    assert call() == 2
    assert "nothing is overwritten" in capsys.readouterr().err
    assert call("--resume") == 0


def test_a_run_that_stops_shows_how_far_it_came(folder, capsys):
    assert call(model="its_model:refused") == 3
    said = capsys.readouterr().err
    assert "0 answered" in said
    assert "no such key" in said


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_an_interrupt_waits_for_what_is_under_way(folder, read):
    command = [sys.executable, "-m", "grayswan_batch", "rows.jsonl", "answers.jsonl"]
    path = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    with subprocess.Popen(  # noqa: S603 - our own code
        [*command, "--model", "its_model:slow", "--max-in-flight", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        # A shell that runs tests in the background has them ignore the signal, children too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as run:
        run.stdout.readline()
        run.send_signal(signal.SIGINT)
        assert any("interrupt again" in line for line in run.stderr)
        (folder / "go").touch()
        said = run.stderr.read()

    assert run.returncode == 130
    assert "interrupted; --resume goes on" in said
    # One, or more where the run notices late.
    assert {each["answer"] for each in read(folder / "answers.jsonl")} == {"at last"}


FULL = """
import resource, sys
from grayswan_batch.__main__ import main
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
sys.exit(main(["rows.jsonl", "answers.jsonl", "--model", "its_model:model"]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
def test_answers_that_a_full_disk_does_not_take_are_printed(folder, read):
    Path("rows.jsonl").write_text("".join(f'{{"prompt": "{n:0400}"}}\n' for n in range(2000)))
    path = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", FULL],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )

    assert done.returncode == 2, done.stderr
    assert "make room, and go on with --resume" in done.stderr
    printed = [json.loads(line) for line in done.stdout.splitlines()]
    written = read(folder / "answers.jsonl")
    assert len(printed) >= 1
    assert len(written) > 20
    assert not {each["id"] for each in printed} & {each["id"] for each in written}


KEYLESS = """
from langchain_grayswan import ChatGraySwan

def make():
    return ChatGraySwan()

def fetch():
    return [][0]
"""


def test_a_model_without_a_key_is_one_line_and_status_2(folder, monkeypatch, capsys):
    monkeypatch.delenv("GRAYSWAN_API_KEY", raising=False)
    Path("keyless.py").write_text(KEYLESS)
    assert call(model="keyless:make") == 2
    assert "keyless:make cannot be loaded: ConfigurationError" in capsys.readouterr().err
    assert call(model="keyless:fetch") == 2
    assert "IndexError: list index out of range" in capsys.readouterr().err


def test_what_goes_on_is_called_as_in_a_shell(folder, capsys):
    assert call() == 0
    capsys.readouterr()
    assert call() == 2
    assert "by --resume" in capsys.readouterr().err
