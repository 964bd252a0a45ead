"""Pictures of the figures that the benchmarks have left."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from notebooks.pictures import Picture, Words, bars, dots, squares
from notebooks.running import ROOT

__all__ = [
    "NONE_YET",
    "case",
    "guards",
    "imports",
    "leakage",
    "machine",
    "probe",
    "side_by_side",
]

LEAKAGE = ROOT / "benchmarks/leakage/results/results.json"
GUARDS = ROOT / "benchmarks/guards/results/guards.json"
PERFORMANCE = ROOT / "benchmarks/performance/results/results.json"
NONE_YET = "There are no figures yet. Make them: make bench"

_PAIRS = ("ChatOpenAI ÷ ChatGraySwan", "OpenAILike ÷ GraySwan")


def leakage() -> Picture:
    """Each contender's flows, by the worst of their modes."""
    flows: dict[str, dict[tuple[str, str], float]] = {}
    for each in json.loads(LEAKAGE.read_text(encoding="utf-8"))["results"]:
        shares = flows.setdefault(each["contender"], {})
        flow = (each["framework"], each["flow"])
        shares[flow] = max(shares.get(flow, 0), each["leakage"])
    return squares([(name, list(shares.values())) for name, shares in flows.items()])


def guards() -> Picture:
    """Each guard's leaks, by the share of surfaces that each shows on."""
    leaks = json.loads(GUARDS.read_text(encoding="utf-8")).values()
    names = next(iter(leaks))
    return squares(
        [
            (name, [sum(found[name].values()) / len(found[name]) for found in leaks])
            for name in names
        ],
        "leaks",
    )


def machine() -> Words:
    """What was measured on what."""
    figures = _performance()
    if figures is None:
        return Words(NONE_YET)
    found = figures["machine"]
    lines = [f"Python {found['python']}, {found['cpus']} CPUs"]
    lines += [f"{name} {version}" for name, version in found["versions"].items()]
    return Words("\n".join(lines))


def side_by_side() -> Picture | Words:
    """How much more a peer costs than ours, case by case."""
    figures = _performance()
    if figures is None:
        return Words(NONE_YET)
    rows = {
        title: {pair: each["median"] for pair, each in case["ratios"].items() if pair in _PAIRS}
        for title, case in figures["cases"].items()
    }
    kept = {title: pairs for title, pairs in rows.items() if pairs}
    return dots(
        "CPU of the peer, divided by ours", kept, "as much as ours; to the right, ours costs less"
    )


def case(title: str) -> Picture | Words:
    """Every contender's CPU time in one case, with its smallest and largest sample."""
    figures = _performance()
    if figures is None:
        return Words(NONE_YET)
    found = figures["cases"][title]
    measured = {name: each for name, each in found["contenders"].items() if "cpu_us" in each}
    return bars(
        f"{title}: CPU for one {found['unit']}",
        {name: each["cpu_us"] for name, each in measured.items()},
        "µs",
        _ours(measured),
        digits=1 if found["unit"] == "chunk" else 0,
        spreads={name: (each["cpu_min_us"], each["cpu_max_us"]) for name, each in measured.items()},
        failures={
            name: each["failure"].partition(":")[0]
            for name, each in found["contenders"].items()
            if "failure" in each
        },
    )


def imports() -> Picture | Words:
    """What importing costs, and what the frameworks below it cost."""
    figures = _performance()
    if figures is None:
        return Words(NONE_YET)
    return bars("CPU of an import", figures["imports_ms"], "ms", _ours(figures["imports_ms"]))


def probe(name: str) -> Picture | Words:
    """What one probe found of each contender; its unit is the last word of its name."""
    figures = _performance()
    if figures is None:
        return Words(NONE_YET)
    title, _, unit = name.rpartition(", ")
    found = figures["probes"][name]
    return bars(title.capitalize(), found, unit.replace("us", "µs"), _ours(found))


def _ours(names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(("ChatGraySwan", "GraySwan"))]


def _performance() -> Any:
    """The figures, or None where nobody has made them."""
    return json.loads(PERFORMANCE.read_text(encoding="utf-8")) if PERFORMANCE.exists() else None
