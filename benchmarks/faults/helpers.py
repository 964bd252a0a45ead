"""The fault tests' own helpers, the table of faults is the tests'."""

from __future__ import annotations

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

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "helpers"))

import soak
from fault_table import ANY_WAY, PLAIN, STREAM, STREAMED, WHOLE, Fault, answer
from ways import OURS, LangChain, LlamaIndex, Outcome, outcome_of
from wire_server import WireServer, whole
