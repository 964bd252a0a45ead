"""What is aimed at, and what a whole run gave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.performance.cases import STRUCTURED
from benchmarks.performance.probes import COLD_START, IDLE_STREAM
from benchmarks.performance.ratios import PAIRS

__all__ = ["GOALS", "Goal", "table"]

Run = Mapping[str, Any]

_PEERS = {"LangChain": "ChatOpenAI", "LlamaIndex": "OpenAILike"}
_OURS = {"LangChain": "ChatGraySwan", "LlamaIndex": "GraySwan"}
_PAIR = dict(zip(_PEERS, PAIRS, strict=True))


@dataclass(frozen=True)
class Goal:
    """One aim.

    Attributes:
        what: What the reader sees.
        figure: Takes the figure of a framework from a run.
        bounds: The figures aimed at, by the framework.
        at_least: Whether a figure is to be at least that, or at most.
    """

    what: str
    figure: Callable[[Run, str], float]
    bounds: Mapping[str, float]
    at_least: bool = True

    def met(self, figure: float, bound: float) -> bool:
        return figure >= bound if self.at_least else figure <= bound


def _cheaper(case: str, *bounds: float) -> Goal:
    def figure(run: Run, framework: str) -> float:
        return float(run["cases"][case]["ratios"][_PAIR[framework]]["median"])

    return Goal(f"{case}: peer ÷ ours", figure, _both(*bounds))


def _both(*bounds: float) -> dict[str, float]:
    return dict(zip(_PEERS, bounds, strict=False))


def _growth(case: str, over: str, bound: float) -> Goal:
    def figure(run: Run, framework: str) -> float:
        ours = [
            run["cases"][name]["contenders"][_OURS[framework]]["cpu_us"] for name in (case, over)
        ]
        return float(ours[0] / ours[1])

    return Goal(f"{case}: ours ÷ {over}", figure, _both(bound, bound), at_least=False)


def _lateness(run: Run, framework: str) -> float:
    found = run["cases"]["100 paced streams"]["contenders"]
    return float(found[_OURS[framework]]["late_ms"] / found[_PEERS[framework]]["late_ms"])


def _cold(run: Run, framework: str) -> float:
    found = run["probes"][COLD_START]
    return float(found[_PEERS[framework]] / found[_OURS[framework]])


def _import(run: Run, framework: str) -> float:
    return float(run["imports_ms"][f"{_OURS[framework]}, over {framework}"])


def _idle(run: Run, framework: str) -> float:
    found = run["probes"][IDLE_STREAM]
    return float(found[_OURS[framework]] / found["bare httpx"])


GOALS = [
    _cheaper("one call", 4, 4.5),
    _cheaper("one call, TLS", 4, 4.5),
    _cheaper("stream, an event a write", 9, 7),
    _cheaper("stream, an event a write, TLS", 6, 5),
    _cheaper("200 calls at once", 10, 8),
    _growth("1,000 calls at once", "200 calls at once", 1.1),
    _cheaper("100 paced streams", 4, 4),
    Goal(
        "100 paced streams, p99 lateness: ours ÷ peer", _lateness, _both(0.5, 0.5), at_least=False
    ),
    _cheaper(STRUCTURED[4_000], 6, 6),
    _cheaper(STRUCTURED[16_000], 12, 12),
    _growth(STRUCTURED[16_000], STRUCTURED[4_000], 1.3),
    _cheaper("tool-call stream", 6, 6),
    _cheaper("50 tools a call", 1.5, 1.5),
    _cheaper("protocol events", 7),
    Goal("cold start, over the framework: peer ÷ ours", _cold, _both(8, 8)),
    Goal("import over the framework, CPU ms", _import, _both(60, 60), at_least=False),
    Goal("memory of an idle stream: ours ÷ bare httpx", _idle, _both(1, 1), at_least=False),
]


def table(run: Run) -> list[str]:
    """The lines of a Markdown table: each goal, and the run's figures."""
    lines = ["| | goal | LangChain | LlamaIndex |", "|---|---:|---:|---:|"]
    for goal in GOALS:
        sign = "≥" if goal.at_least else "≤"
        bounds = " / ".join(dict.fromkeys(f"{sign} {bound:g}" for bound in goal.bounds.values()))
        cells = " | ".join(_cell(goal, run, framework) for framework in _PEERS)
        lines.append(f"| {goal.what} | {bounds} | {cells} |")
    return lines


def _cell(goal: Goal, run: Run, framework: str) -> str:
    if framework not in goal.bounds:
        return ""
    try:
        figure = goal.figure(run, framework)
    except KeyError:
        return "not measured"
    spelt = f"{figure:.2f}" if abs(figure) < 20 else f"{figure:.0f}"  # noqa: PLR2004 - two digits
    return spelt if goal.met(figure, goal.bounds[framework]) else f"**{spelt}**"
