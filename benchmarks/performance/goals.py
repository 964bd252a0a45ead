"""What was aimed at, and what several whole runs gave: `python -m benchmarks.performance.goals`.

It reads `results/*.json`, a run each, and prints a Markdown table.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["GOALS", "Goal", "table"]

Run = Mapping[str, Any]


@dataclass(frozen=True)
class Goal:
    """One aim.

    Attributes:
        what: What the reader sees.
        figure: Takes the figure from a run.
        bound: The figure aimed at.
        at_least: Whether the figure is to be at least that, or at most.
    """

    what: str
    figure: Callable[[Run], float]
    bound: float
    at_least: bool

    def met(self, figure: float) -> bool:
        return figure >= self.bound if self.at_least else figure <= self.bound


def _ratio(case: str, name: str) -> Callable[[Run], float]:
    return lambda run: float(run["cases"][case]["ratios"][name]["median"])


def _import(name: str) -> Callable[[Run], float]:
    return lambda run: float(run["imports_ms"][name])


def _spread(case: str, name: str) -> Callable[[Run], float]:
    def figure(run: Run) -> float:
        found = run["cases"][case]["contenders"][name]
        return float(found["cpu_max_us"] / found["cpu_us"])

    return figure


def _probe(probe: str, name: str, over: str | None = None) -> Callable[[Run], float]:
    def figure(run: Run) -> float:
        found = run["probes"][probe]
        return float(found[name] / found[over]) if over else float(found[name])

    return figure


def _peer(case: str, ours: str, bound: float) -> Goal:
    peer = "OpenAILike" if ours.startswith("GraySwan") else "ChatOpenAI"
    return Goal(f"{case}: {peer} ÷ {ours}", _ratio(case, f"{peer} ÷ {ours}"), bound, at_least=True)


def _floor(case: str, ours: str, floor: str) -> Goal:
    name = f"{ours} ÷ ({floor} + bare httpx)"
    return Goal(f"{case}: {name}", _ratio(case, name), 1.5, at_least=False)


_STREAM = "stream, burst"
_CALLS = "200 concurrent calls"
_STREAMS = "100 concurrent streams"

GOALS = [
    _peer(_STREAM, "ChatGraySwan", 5),
    _floor(_STREAM, "ChatGraySwan", "LangChain floor"),
    _peer(_STREAM, "GraySwan", 4),
    _floor(_STREAM, "GraySwan", "LlamaIndex floor"),
    _peer("one call", "ChatGraySwan", 2.5),
    _peer("one call", "GraySwan", 2.5),
    _peer(_CALLS, "ChatGraySwan", 3),
    _peer(_CALLS, "GraySwan", 3),
    Goal(f"{_CALLS}: largest ÷ median", _spread(_CALLS, "ChatGraySwan"), 2, at_least=False),
    _peer(_STREAMS, "ChatGraySwan", 3),
    _peer(_STREAMS, "GraySwan", 3),
    *(
        Goal(f"import of {name}, ms", _import(name), 60, at_least=False)
        for name in ("ChatGraySwan, over LangChain", "GraySwan, over LlamaIndex")
    ),
    Goal("a new ChatGraySwan, µs", _probe("new model, us", "ChatGraySwan"), 1000, at_least=False),
    Goal("a new GraySwan, µs", _probe("new model, us", "GraySwan"), 1000, at_least=False),
    *(
        Goal(
            f"memory of an idle stream: {name} ÷ bare httpx",
            _probe("idle stream, KiB", name, "bare httpx"),
            1.2,
            at_least=False,
        )
        for name in ("the core alone", "ChatGraySwan", "GraySwan")
    ),
]


def table(runs: Sequence[Run]) -> list[str]:
    """The lines of a Markdown table: each goal, and each run's figure."""
    numbers = range(1, len(runs) + 1)
    lines = ["| | goal | " + " | ".join(f"run {number}" for number in numbers) + " | met |"]
    lines.append("|---|---:|" + "---:|" * len(runs) + "---|")
    for goal in GOALS:
        figures = [goal.figure(run) for run in runs]
        bound = f"{'≥' if goal.at_least else '≤'} {goal.bound:g}"
        cells = " | ".join(_spelt(figure) for figure in figures)
        met = "yes" if goal.met(statistics.median(figures)) else "**no**"
        lines.append(f"| {goal.what} | {bound} | {cells} | {met} |")
    return lines


def _spelt(figure: float) -> str:
    return f"{figure:.2f}" if abs(figure) < 20 else f"{figure:.0f}"  # noqa: PLR2004 - two digits


if __name__ == "__main__":
    paths = sorted((Path(__file__).parent / "results").glob("*.json"))
    found = [json.loads(path.read_text()) for path in paths]
    sys.stdout.write("\n".join(table(found)) + "\n")
