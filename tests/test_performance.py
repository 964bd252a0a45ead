"""The benchmarks' own arithmetic. What they measure is in their results."""

from __future__ import annotations

import pytest

from benchmarks.faults.kinds import KINDS, kind_of, worst_of_streams
from benchmarks.performance.goals import GOALS, Goal, table
from benchmarks.performance.measuring import in_turns
from benchmarks.performance.ratios import ratios


def figures(*rounds):
    return {"cpu_us": 1.0, "cpu_max_us": max(rounds), "cpu_rounds_us": list(rounds)}


def test_ratios_are_taken_round_by_round():
    found = ratios({"ChatOpenAI": figures(10, 30, 80), "ChatGraySwan": figures(2, 10, 10)})
    assert {"ChatOpenAI ÷ ChatGraySwan": {"median": 5, "min": 3, "max": 8}} == found


def test_a_floor_is_the_frameworks_and_the_networks_together():
    found = ratios(
        {
            "ChatGraySwan": figures(6),
            "LangChain floor": figures(1),
            "bare httpx": figures(2),
        }
    )
    assert 2 == found["ChatGraySwan ÷ (LangChain floor + bare httpx)"]["median"]


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


@pytest.mark.parametrize(("at_least", "met"), [(True, "yes"), (False, "**no**")])
def test_a_goal_is_met_by_the_median_of_the_runs(monkeypatch, at_least, met):
    goal = Goal("figure", lambda run: run["figure"], 3, at_least=at_least)
    monkeypatch.setattr("benchmarks.performance.goals.GOALS", [goal])
    *_, line = table([{"figure": figure} for figure in (2.5, 4, 50)])
    assert line == f"| figure | {'≥' if at_least else '≤'} 3 | 2.50 | 4.00 | 50 | {met} |"


def test_every_goal_says_what_it_is():
    assert len({goal.what for goal in GOALS}) == len(GOALS)


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [("✓", "good"), ("silently cut", "bad"), ("hangs", "slow"), ("bare ReadError", "odd")],
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
