"""Runs the Python snippets of the README and of docs/ against the local server.

The snippets of one file run in order and share their names, as a reader would type them.
Snippets for a shell, and links, are checked by tests/test_docs.py.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

from grayswan_core.config import API_KEY_VARIABLE, BASE_URL_VARIABLES, MISSPELT_KEY_VARIABLES
from grayswan_devserver import DevServer

_ENVIRONMENT = (API_KEY_VARIABLE, *MISSPELT_KEY_VARIABLES, *BASE_URL_VARIABLES)


# What the local server responds where it finds nothing: no page may show that as an example.
_NO_ANSWERS = ("I could not find an answer", "This local engine answers from the text")


class _Printer:
    """The built-in `print`, which fails where the pieces printed so far hold no answer."""

    def __init__(self) -> None:
        self._printed = ""

    def __call__(self, *values: object, sep: str = " ", end: str = "\n", **options: Any) -> None:
        print(*values, sep=sep, end=end, **options)  # noqa: T201 - the page's own words
        self._printed += sep.join(map(str, values)) + end
        if any(each in self._printed for each in _NO_ANSWERS):
            raise AssertionError(f"This page shows a non-answer: {self._printed}")


def _start(namespace: dict[str, Any]) -> None:
    server = DevServer()
    server.__enter__()
    namespace["_server"] = server
    # LlamaIndex's sync calls take the thread's event loop, make one if need be, and never close it.
    namespace["_loop"] = asyncio.new_event_loop()
    asyncio.set_event_loop(namespace["_loop"])
    namespace["print"] = _Printer()
    namespace["_environment"] = {name: os.environ.get(name) for name in _ENVIRONMENT}
    for name in _ENVIRONMENT:
        os.environ.pop(name, None)
    os.environ.update(GRAYSWAN_API_KEY="local-test", GRAY_SWAN_BASE_URL=server.url)


def _stop(namespace: dict[str, Any]) -> None:
    namespace["_server"].__exit__(None, None, None)
    asyncio.set_event_loop(None)
    namespace["_loop"].run_until_complete(namespace["_loop"].shutdown_asyncgens())
    namespace["_loop"].close()
    for name, value in namespace["_environment"].items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/*.md"],  # a star is any number of folders, too
    excludes=["docs/_build/*", "docs/notebooks/*"],
    setup=_start,
    teardown=_stop,
).pytest()
