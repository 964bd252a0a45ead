"""Runs the Python snippets of the README and of docs/ against the local server.

The snippets of one file run in order and share their names, as a reader would type them, and print
what the page shows. Snippets for a shell, and links, are checked by tests/test_docs.py.
"""

from __future__ import annotations

import asyncio
import io
import os
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from sybil import Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser, SkipParser

from grayswan_core.config import API_KEY_VARIABLE, BASE_URL_VARIABLES, MISSPELT_KEY_VARIABLES
from grayswan_devserver import DevServer
from scripts.page_snippets import mismatch, output_after

_ENVIRONMENT = (API_KEY_VARIABLE, *MISSPELT_KEY_VARIABLES, *BASE_URL_VARIABLES)


class _Snippets(CodeBlockParser):
    """Runs Python blocks, and compares what each prints with the output that the page shows."""

    language = "python"
    _run = PythonEvaluator()

    def evaluate(self, example: Example) -> str | None:
        """Run a block; what is wrong with its output is given back."""
        with redirect_stdout(io.StringIO()) as printed:
            self._run(example)
        shown = output_after(example.document.text, example.region.end)
        return mismatch(shown, printed.getvalue())


def _start(namespace: dict[str, Any]) -> None:
    server = DevServer()
    server.__enter__()
    namespace["_server"] = server
    namespace["_folder"] = tempfile.TemporaryDirectory()
    namespace["_started_in"] = Path.cwd()
    os.chdir(namespace["_folder"].name)
    # LlamaIndex's sync calls take the thread's event loop, make one if need be, and never close it.
    namespace["_loop"] = asyncio.new_event_loop()
    asyncio.set_event_loop(namespace["_loop"])
    namespace["_environment"] = {name: os.environ.get(name) for name in _ENVIRONMENT}
    for name in _ENVIRONMENT:
        os.environ.pop(name, None)
    os.environ.update(GRAYSWAN_API_KEY="local-test", GRAY_SWAN_BASE_URL=server.url)


def _stop(namespace: dict[str, Any]) -> None:
    namespace["_server"].__exit__(None, None, None)
    os.chdir(namespace["_started_in"])
    namespace["_folder"].cleanup()
    asyncio.set_event_loop(None)
    namespace["_loop"].run_until_complete(namespace["_loop"].shutdown_asyncgens())
    namespace["_loop"].close()
    for name, value in namespace["_environment"].items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


pytest_collect_file = Sybil(
    parsers=[_Snippets(), SkipParser()],
    patterns=["*.md"],  # those under pytest's `testpaths`
    setup=_start,
    teardown=_stop,
).pytest()
