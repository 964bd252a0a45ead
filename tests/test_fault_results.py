"""What is published of the faults: one set of results, under the names that the faults have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fault_table import ANY_WAY, PLAIN, STREAM, STREAMED, WHOLE

from benchmarks.faults import __main__ as faults
from benchmarks.faults.contenders import CONTENDERS
from benchmarks.faults.picture import picture

# Played by functions of their own.
_OTHERS = {
    "`max_retries=2` is 3 requests",
    "`Retry-After: 86400` is not waited for",
    "two responses to one request, then another request",
}


@pytest.fixture(scope="module")
def results():
    return json.loads((faults.RESULTS / "faults.json").read_text("utf-8"))


def test_the_table_and_the_picture_are_of_the_same_results(results):
    table = f"{faults.table(results['rows'])}\n\n{faults.soak_table(results['soak'])}\n"
    assert table == (faults.RESULTS / "faults.md").read_text("utf-8")
    assert picture(results["rows"]) == (faults.RESULTS / "streams.svg").read_text("utf-8")


def test_every_fault_that_the_tests_play_is_published(results):
    played = {
        PLAIN: {each.name for each in (*ANY_WAY, *WHOLE)} | _OTHERS,
        STREAM: {each.name for each in (*ANY_WAY, *STREAMED)},
    }
    for how, names in played.items():
        assert names == {row["fault"] for row in results["rows"] if row["how"] == how}
    assert all(list(row["verdicts"]) == list(CONTENDERS) for row in results["rows"])
    readme = Path(__file__).parents[1].joinpath("README.md").read_text("utf-8")
    assert f"ended {len(played[STREAM])} faults of a stream" in readme
