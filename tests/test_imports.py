"""What an import brings and what it needs; each in an interpreter of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

_WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.startswith({blocked!r}):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""


def run(code: str, *, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run code as if the packages whose names begin so were not installed."""
    script = _WITHOUT.format(blocked=without) + code
    return subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("statement", "without"),
    [
        ("import langchain_grayswan", ("llama_index", "starlette", "uvicorn", "langgraph")),
        ("import llama_index_grayswan", ("langchain", "starlette", "uvicorn")),
        ("from llama_index.llms.grayswan import GraySwan", ("langchain", "starlette", "uvicorn")),
        ("import grayswan_core", ("llama_index", "langchain", "starlette", "uvicorn")),
        ("from grayswan_core import CygnetClient", ("llama_index", "langchain", "starlette")),
        ("import grayswan_audit", ("llama_index", "langchain", "starlette", "uvicorn")),
        ("import grayswan_audit.pytest_plugin", ("llama_index", "langchain", "starlette")),
        ("import grayswan_batch", ("llama_index", "langchain", "starlette", "ray", "rich")),
        ("import grayswan_devserver.__main__", ("llama_index", "langchain")),
        ("import grayswan_devserver.pytest_plugin", ("starlette", "uvicorn")),
    ],
)
def test_each_package_imports_without_the_others_frameworks(statement, without):
    assert (run(statement, without=without).returncode, run(statement).stderr) == (0, "")


@pytest.mark.parametrize(
    ("statement", "without", "install"),
    [
        ("import langchain_grayswan", "langchain_core", "langchain-grayswan"),
        ("import llama_index_grayswan", "llama_index.core", "llama-index-llms-grayswan"),
        (
            "from grayswan_devserver import DevServer",
            "starlette",
            '"grayswan-integrations[devserver]"',
        ),
        ("from langchain_grayswan import UntrustedTools", "langchain.", "langchain"),
        ("from langchain_grayswan import CygnalMiddleware", "langchain.", "langchain"),
        ("import grayswan_batch.ray", "ray", '"grayswan-integrations[ray]"'),
    ],
)
def test_a_missing_package_is_an_import_error_that_says_what_brings_it(statement, without, install):
    result = run(statement, without=(without,))

    assert result.returncode != 0
    assert "\nImportError: " in result.stderr
    assert f"pip install {install}\n" in result.stderr


def test_the_core_imports_httpx_only_for_the_client():
    code = "import sys, grayswan_core; sys.exit('httpx' in sys.modules)"

    assert run(code).returncode == 0


def test_an_adapter_imports_its_own_framework_and_no_other():
    for adapter, other in [
        ("langchain_grayswan", "llama_index"),
        ("llama_index_grayswan", "langchain_core"),
    ]:
        code = f"import sys, {adapter}; sys.exit({other!r} in sys.modules)"
        assert run(code).returncode == 0
