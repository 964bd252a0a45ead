import importlib
import subprocess
import sys

import pytest
from llama_index.core.llms.loading import RECOGNIZED_LLMS

import llama_index_grayswan
from llama_index.llms import grayswan


def test_both_import_paths_lead_to_the_same_names():
    assert grayswan.__all__ == llama_index_grayswan.__all__
    assert dir(grayswan) == dir(llama_index_grayswan) == sorted(grayswan.__all__)
    for name in grayswan.__all__:
        assert getattr(grayswan, name) is getattr(llama_index_grayswan, name)


def test_load_llm_knows_the_class():
    assert RECOGNIZED_LLMS["GraySwan"] is llama_index_grayswan.GraySwan


def test_without_llama_index_it_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("llama_index_grayswan")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "llama_index.core", None)
    with pytest.raises(ImportError, match="pip install llama-index-llms-grayswan"):
        importlib.import_module("llama_index_grayswan")


def test_the_http_client_is_imported_late():
    program = (
        "import sys, llama_index.core\n"
        "before = set(sys.modules)\n"
        "import llama_index_grayswan\n"
        "print('langchain_core' in sys.modules, 'grayswan_core.client' in sys.modules)\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - above
    assert done.stdout.split() == ["False", "False"]
