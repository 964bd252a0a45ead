"""The benchmarks' own arithmetic, and that what is compared does the same work."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from benchmarks.faults.kinds import KINDS, kind_of, worst_of_streams
from benchmarks.performance.contenders import CONTENDERS
from benchmarks.performance.goals import GOALS, Goal, table
from benchmarks.performance.measuring import in_turns
from benchmarks.performance.ratios import ratios
from benchmarks.performance.server import running_server
from benchmarks.performance.wire import CHUNK_TEXT

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/performance/results"


def figures(*rounds):
    return {"cpu_us": 1.0, "cpu_max_us": max(rounds), "cpu_rounds_us": list(rounds)}


def test_ratios_are_taken_round_by_round():
    found = ratios({"ChatOpenAI": figures(10, 30, 80), "ChatGraySwan": figures(2, 10, 10)})
    assert {"ChatOpenAI ÷ ChatGraySwan": {"median": 5, "min": 3, "max": 8}} == found


def test_how_late_99_of_100_units_were_is_kept():
    late = [number / 1000 for number in range(100)]
    samples = in_turns({"A": lambda: (100, late)}, rounds=1)
    assert 99 == samples["A"].summary()["late_ms"]


def test_what_failed_has_no_ratio():
    assert {} == ratios({"ChatOpenAI": {"failure": "no"}, "ChatGraySwan": figures(2)})


def test_contenders_take_turns_and_the_warm_up_does_not_count():
    done = []
    work = {name: lambda name=name: done.append(name) or 1 for name in "AB"}
    samples = in_turns(work, rounds=2, warm_up=1)
    assert [*"ABABAB"] == done
    assert {"A": 2, "B": 2} == {name: len(each.cpu) for name, each in samples.items()}


def test_a_contender_that_fails_is_not_asked_again_and_says_why():
    asked = []

    def fail():
        asked.append(1)
        raise ValueError("no connection")

    samples = in_turns({"A": fail, "B": lambda: 1}, rounds=3)
    assert [1] == asked
    assert {"failure": "ValueError: no connection"} == samples["A"].summary()
    assert "cpu_us" in samples["B"].summary()


def test_a_goal_that_is_missed_is_bold(monkeypatch):
    goals = [
        Goal("more", lambda run, framework: run[framework], {"LangChain": 2, "LlamaIndex": 3}),
        Goal("less", lambda run, framework: run[framework], {"LangChain": 2}, at_least=False),
        Goal("none", lambda run, framework: run["figure"], {"LangChain": 2, "LlamaIndex": 2}),
    ]
    monkeypatch.setattr("benchmarks.performance.goals.GOALS", goals)
    assert table({"LangChain": 2.5, "LlamaIndex": 2.5})[2:] == [
        "| more | ≥ 2 / ≥ 3 | 2.50 | **2.50** |",
        "| less | ≤ 2 | **2.50** |  |",
        "| none | ≥ 2 | not measured | not measured |",
    ]


def test_the_figures_kept_are_of_these_goals():
    run = json.loads((RESULTS / "results.json").read_text("utf-8"))
    lines = (RESULTS / "results.md").read_text("utf-8").splitlines()
    assert not any("not measured" in line for line in table(run))
    assert table(run) == lines[2 : 4 + len(GOALS)]
    assert set(table(run)) <= set(
        (ROOT / "benchmarks/performance/README.md").read_text("utf-8").splitlines()
    )


def test_the_pages_say_what_was_measured():
    cases = json.loads((RESULTS / "results.json").read_text("utf-8"))["cases"]

    def times(case, pair="ChatOpenAI ÷ ChatGraySwan"):
        return f"{cases[case]['ratios'][pair]['median']:.2g}"

    def both(case):
        return f"| {times(case)} | {times(case, 'OpenAILike ÷ GraySwan')} |"

    call, chunk, many = "one call", "stream, an event a write", "200 calls at once"
    readme, guide = (
        " ".join((ROOT / page).read_text("utf-8").split())
        for page in ("README.md", "docs/performance.md")
    )
    assert (
        f"takes {times(call)} times the CPU time for a call, {times(chunk)} times for a streamed"
        f" chunk and {times(many)} times for each of 200 calls at once"
    ) in readme
    objects = "structured stream, 4,000 characters"
    assert (
        f"| one call {both(call)} | a streamed chunk {both(chunk)}"
        f" | each of 200 calls at once {both(many)}"
        f" | structured output of 4,000 characters, streamed {both(objects)}"
    ) in guide


def test_every_goal_says_what_it_is():
    assert len({goal.what for goal in GOALS}) == len(GOALS)


@pytest.fixture(scope="module")
def server():
    with running_server() as url:
        yield url


@pytest.mark.parametrize("name", ["ChatGraySwan", "GraySwan"])
def test_each_case_does_its_work(server, name):
    contender = CONTENDERS[name](f"{server}/call-1000")
    assert contender.tool_stream() >= 250
    assert CHUNK_TEXT * 164 + CHUNK_TEXT[:4] == contender.structured()
    assert contender.calling(3)()

    contender = CONTENDERS[name](f"{server}/events-20")
    assert contender.stream() >= 20
    assert contender.events is None or contender.events() == 20
    late = asyncio.run(CONTENDERS[name](f"{server}/paced-2").astream())
    assert len(late) == 2


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [("✓", "good"), ("silent: ''", "bad"), ("hangs", "slow"), ("bare ReadError", "odd")],
)
def test_a_verdict_is_of_one_kind(verdict, kind):
    assert kind == kind_of(verdict)
    assert kind in KINDS


def test_the_worse_of_sync_and_async_counts():
    rows = [
        {"how": "stream", "fault": "reset", "verdicts": {"A": ["✓", "hangs"], "B": ["✓", "✓"]}},
        {"how": "plain", "fault": "reset", "verdicts": {"A": ["hangs", "hangs"], "B": ["✓", "✓"]}},
    ]
    assert {"A": [("reset", "hangs")], "B": [("reset", "✓")]} == worst_of_streams(rows)
