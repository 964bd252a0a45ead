"""Each import contract fails when a wrong import is added."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("importlinter", reason="comes with `make check`, not with the oldest versions")
tomllib = pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")

ROOT = Path(__file__).parents[1]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]

WRONG = {
    "The core's packages import downwards only, and each has its layer": [
        ("grayswan_core/wire/requests.py", "import grayswan_core.errors"),
        ("grayswan_core/decoding/sse.py", "import grayswan_core.http.retry"),
        ("grayswan_core/new_room.py", ""),
    ],
    "The core knows no framework, no adapter and no server": [
        ("grayswan_core/request/new.py", "import langchain_core"),
        ("grayswan_core/request/new.py", "import grayswan_devserver"),
    ],
    "The adapters and the server know nothing of each other": [
        ("langchain_grayswan/new.py", "import llama_index_grayswan"),
        ("llama_index_grayswan/new.py", "import grayswan_devserver"),
    ],
    "The server imports the wire and nothing else of the core": [
        ("grayswan_devserver/rules/new.py", "import grayswan_core.untrusted.marks"),
        ("grayswan_devserver/new.py", "from grayswan_core import ChatRequest"),
    ],
    "Batch runs import the core's gate, and a model's package where it is adapted": [
        ("grayswan_batch/new.py", "import langchain_core"),
        ("grayswan_batch/new.py", "import grayswan_core.wire"),
        ("grayswan_batch/models/new.py", "import llama_index.core"),
    ],
    "Nothing imports the audit's runner": [
        ("langchain_grayswan/new.py", "import grayswan_audit"),
        ("grayswan_core/audit/new.py", "import grayswan_audit"),
    ],
    "HTTP libraries are imported in grayswan_core.http alone": [
        ("grayswan_core/new.py", "import httpx"),
        ("langchain_grayswan/new.py", "import httpx"),
    ],
    "No import circle in any package": [
        ("grayswan_core/untrusted/spelling.py", "import grayswan_core.untrusted.marks"),
        ("langchain_grayswan/errors.py", "import langchain_grayswan.chat_models"),
    ],
}


@pytest.fixture(scope="module")
def lint(tmp_path_factory):
    """Runs the contracts on a copy of the packages with one more import; gives what broke."""
    copy = tmp_path_factory.mktemp("copy")
    for package in CONFIG["root_packages"]:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy(ROOT / "pyproject.toml", copy)

    def broken(path=None, line=""):
        file = copy / (path or "grayswan_core/errors.py")
        before = file.read_text() if file.exists() else None
        file.write_text(f"{before or ''}\n{line}\n")
        code = "from importlinter.cli import lint_imports_command as run; run()"
        done = subprocess.run(  # noqa: S603 - our own words
            [sys.executable, "-c", code, "--no-cache"],
            cwd=copy,
            capture_output=True,
            text=True,
            check=False,
        )
        if before is None:
            file.unlink()
        else:
            file.write_text(before)
        assert "Contracts: " in done.stdout, done.stdout + done.stderr
        return [
            line.rpartition(" BROKEN")[0] for line in done.stdout.splitlines() if " BROKEN" in line
        ]

    return broken


def test_as_it_is_all_hold(lint):
    assert [] == lint()


@pytest.mark.parametrize(
    ("name", "path", "line"),
    [(name, *wrong) for name, each in WRONG.items() for wrong in each],
)
def test_a_wrong_import_breaks_its_contract(lint, name, path, line):
    assert name in lint(path, line)


def test_each_contract_is_shown_to_fail():
    assert WRONG.keys() == {contract["name"] for contract in CONFIG["contracts"]}
