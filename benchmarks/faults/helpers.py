"""The fault tests' own helpers, loaded by path: the table is the tests', and stands there once."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

__all__ = [
    "ANY_WAY",
    "OURS",
    "PLAIN",
    "STREAM",
    "STREAMED",
    "WHOLE",
    "Fault",
    "LangChain",
    "LlamaIndex",
    "Outcome",
    "WireServer",
    "answer",
    "outcome_of",
    "soak",
    "whole",
]

_TESTS = Path(__file__).parents[2] / "tests"

for _path in (
    _TESTS / "core" / "wire_server.py",
    *(_TESTS / "faults" / f"{name}.py" for name in ("canaries", "fault_table", "ways", "soak")),
):
    _spec = importlib.util.spec_from_file_location(_path.stem, _path)
    assert _spec is not None and _spec.loader is not None  # noqa: PT018, S101 - it is a file
    _module = importlib.util.module_from_spec(_spec)
    sys.modules[_path.stem] = _module
    _spec.loader.exec_module(_module)

import soak  # noqa: E402 - loaded just above
from fault_table import ANY_WAY, PLAIN, STREAM, STREAMED, WHOLE, Fault, answer  # noqa: E402
from ways import OURS, LangChain, LlamaIndex, Outcome, outcome_of  # noqa: E402
from wire_server import WireServer, whole  # noqa: E402
