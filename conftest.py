"""Runs the Python snippets of the README and of docs/ against the local server.

The snippets of one file run in order and share their names, as a reader would type them.
"""

from __future__ import annotations

import os
from typing import Any

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

from grayswan_devserver import DevServer

_ENVIRONMENT = ("GRAYSWAN_API_KEY", "GRAY_SWAN_BASE_URL")


def _start(namespace: dict[str, Any]) -> None:
    server = DevServer()
    server.__enter__()
    namespace["_server"] = server
    namespace["_environment"] = {name: os.environ.get(name) for name in _ENVIRONMENT}
    os.environ.update(GRAYSWAN_API_KEY="local-test", GRAY_SWAN_BASE_URL=server.url)


def _stop(namespace: dict[str, Any]) -> None:
    namespace["_server"].__exit__(None, None, None)
    for name, value in namespace["_environment"].items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/*.md"],
    setup=_start,
    teardown=_stop,
).pytest()
