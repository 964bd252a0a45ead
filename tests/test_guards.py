"""The leaks of the benchmark, on the surfaces in turns; the whole table: `benchmarks/guards`."""

from __future__ import annotations

import pytest

pytest.importorskip("langchain")

from benchmarks.guards.contenders import OURS
from benchmarks.guards.leaks import LEAKS, run_leak
from benchmarks.guards.report import table
from benchmarks.guards.surfaces import SURFACES
from grayswan_devserver import DevServer

NAMES = list(SURFACES)
CASES = [
    pytest.param(leak, contender, NAMES[(row + 2 * column + step) % len(NAMES)])
    for row, leak in enumerate(LEAKS)
    for column, contender in enumerate(OURS)
    for step in (0, 3)
]


@pytest.fixture(scope="module")
def server():
    with DevServer() as server:
        yield server


@pytest.mark.parametrize(
    ("leak", "contender", "surface"),
    CASES,
    ids=[f"{c.values[0].name}-{c.values[1].name}-{c.values[2]}" for c in CASES],
)
def test_nothing_leaks(server, leak, contender, surface):
    assert not run_leak(leak, contender, SURFACES[surface], server)


def test_the_table():
    results = {"a leak": {"one": {"invoke": True, "tracer": False}, "two": {"invoke": False}}}
    assert "| a leak | invoke | none |" in table(results)
