"""Helpers of the fault tests: modules beside them and the core's scripted server, by path."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

HELPERS = [
    HERE.parent / "core" / "wire_server.py",
    *(HERE / f"{name}.py" for name in ("fault_table", "canaries", "ways", "soak")),
]

# Test folders are no packages, so a helper module is loaded by its path. The order is theirs.
for _path in HELPERS:
    if _path.stem not in sys.modules:
        _spec = importlib.util.spec_from_file_location(_path.stem, _path)
        _module = importlib.util.module_from_spec(_spec)
        sys.modules[_path.stem] = _module
        _spec.loader.exec_module(_module)

from wire_server import WireServer  # noqa: E402 - loaded just above


@pytest.fixture
def server():
    with WireServer() as running:
        yield running
