from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

PAGE = "Mute swans stay with one partner for many years and hold a territory on a quiet lake."
LEAK = f"""
import sys
from langchain_core.documents import Document
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.retrievers import BaseRetriever

class Shelf(BaseRetriever):
    def _get_relevant_documents(self, query, **_):
        return [Document("{PAGE}")]

found = Shelf().invoke("q")
model = FakeListChatModel(responses=["Fine."])
page = found[0].page_content if "leak" in sys.argv else "nothing"
print(model.invoke(f"Sum this up: {{page}}").content)
"""


@pytest.fixture
def run(tmp_path):
    def run(code, *arguments, before=(), without=()):
        script = tmp_path / "script.py"
        script.write_text(textwrap.dedent(code))
        absent = f"import sys; [sys.modules.update({{n: None}}) for n in {without!r}]\n"
        main = "from grayswan_audit.__main__ import main; sys.exit(main(sys.argv[1:]))"
        return subprocess.run(  # noqa: S603 - our own words
            [sys.executable, "-c", absent + main, *before, str(script), *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


def test_a_leak(run, tmp_path):
    files = [f"--html={tmp_path / 'r.html'}", f"--json={tmp_path / 'r.json'}"]
    done = run(LEAK, "leak", "--html", before=files)
    assert (1, "Fine.\n") == (done.returncode, done.stdout)
    assert "1 of 1 texts from outside reached a model" in done.stderr
    assert "the call: script.py:14" in done.stderr
    assert "untrusted_retriever" in (tmp_path / "r.html").read_text()
    assert not json.loads((tmp_path / "r.json").read_text())["clean"]


def test_none(run):
    done = run(LEAK)
    assert (0, "Fine.\n") == (done.returncode, done.stdout)


def test_nothing_observed(run):
    done = run("print('Hello')")
    assert (2, "Hello\n") == (done.returncode, done.stdout)
    assert "Nothing was observed" in done.stderr


@pytest.mark.parametrize(
    ("end", "code", "message"),
    [
        ("raise OSError('gone')", 1, "OSError: gone"),
        ("sys.exit(7)", 7, ""),
        ("sys.exit('no more')", 1, "no more"),
        ("raise KeyboardInterrupt", 130, ""),
    ],
)
def test_a_script_that_fails_is_reported_as_far_as_it_went(run, end, code, message):
    done = run(f"{LEAK}\n{end}", "leak")
    assert code == done.returncode
    assert message in done.stderr
    assert "1 of 1 texts from outside reached a model" in done.stderr


def test_no_framework(run):
    done = run("1", without=("langchain_core", "llama_index", "llama_index.core"))
    assert 2 == done.returncode
    assert 'pip install "grayswan-integrations[langchain]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_no_script():
    done = subprocess.run(
        [sys.executable, "-m", "grayswan_audit", "nowhere.py"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (2, "There is no file 'nowhere.py'. Name a Python script.\n") == (
        done.returncode,
        done.stderr,
    )
