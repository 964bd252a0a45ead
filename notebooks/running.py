"""Runs a notebook from top to bottom, and writes it down in the one form that it is kept in.

The form holds nothing that differs from run to run or from machine to machine, so that running a
notebook again changes no file.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import cast

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config

__all__ = ["NOTEBOOKS", "ROOT", "normalised", "read", "run", "texts", "write"]

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(Path(__file__).parent.glob("[0-9]*.ipynb"))
_SECONDS = 120
_PORT = re.compile(r"(127\.0\.0\.1|localhost):\d+")


def run(path: Path) -> NotebookNode:
    """The notebook with the outputs of a fresh kernel, in its kept form.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised.
    """
    notebook = read(path)
    client = NotebookClient(
        notebook,
        timeout=_SECONDS,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        # The kernel is this Python's, whatever others the machine knows.
        config=Config({"KernelSpecManager": {"kernel_dirs": []}}),
        # It says nothing of its own, and kernels side by side share no file.
        extra_arguments=["--log-level=ERROR", "--HistoryManager.hist_file=:memory:"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    searched = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    client.execute(env={**os.environ, "PYTHONPATH": searched})
    return normalised(notebook)


def normalised(notebook: NotebookNode) -> NotebookNode:
    """The notebook without versions, times, ports and other traces of where it ran."""
    notebook.metadata = NotebookNode(  # type: ignore[no-untyped-call] # nbformat has few types
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{number:02}"
        cell.metadata = NotebookNode()  # type: ignore[no-untyped-call] # likewise
        for output in cell.get("outputs", ()):
            if "text" in output:
                output.text = _PORT.sub(r"\1:8000", output.text)
            elif "text/plain" in output.get("data", {}):
                output.data["text/plain"] = _PORT.sub(r"\1:8000", output.data["text/plain"])
    return notebook


def texts(notebook: NotebookNode) -> list[str]:
    """What each code cell says, in words; a picture says what it shows."""
    return [
        "".join(
            output.get("text") or output.get("data", {}).get("text/plain", "")
            for output in cell.outputs
        )
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def write(notebook: NotebookNode, path: Path) -> None:
    """Write the notebook to its file."""
    nbformat.validate(notebook)
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call] # likewise


def read(path: Path) -> NotebookNode:
    """The notebook of a file."""
    return cast("NotebookNode", nbformat.read(path, as_version=4))  # type: ignore[no-untyped-call] # likewise
