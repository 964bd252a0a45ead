"""The figures as a Markdown table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["ratios", "write_table"]


def ratios(case: dict[str, Any]) -> dict[str, float]:
    """How ours stand to the peers (above 1: ours cost less) and to the floors (below: better)."""
    cpu = {name: each["cpu_us"] for name, each in case["contenders"].items() if "cpu_us" in each}
    found = {}
    for ours, peer in (("ChatGraySwan", "ChatOpenAI"), ("GraySwan", "OpenAILike")):
        if {ours, peer} <= set(cpu):
            found[f"{peer} ÷ {ours}"] = cpu[peer] / cpu[ours]
    for ours, floor in (("ChatGraySwan", "LangChain floor"), ("GraySwan", "LlamaIndex floor")):
        if {ours, floor, "bare httpx"} <= set(cpu):
            found[f"{ours} ÷ (floor + httpx)"] = cpu[ours] / (cpu[floor] + cpu["bare httpx"])
    return found


def write_table(results: dict[str, Any], path: Path) -> None:
    """Write every figure as Markdown."""
    names = list(next(iter(results["cases"].values()))["contenders"])
    lines = [
        "CPU microseconds for one unit of the work, medians; in brackets smallest and largest.",
        "",
        "| case | unit | " + " | ".join(names) + " |",
        "|---|---|" + "---:|" * len(names),
    ]
    for title, case in results["cases"].items():
        cells = [_cell(case["contenders"].get(name)) for name in names]
        lines.append(f"| {title} | {case['unit']} | " + " | ".join(cells) + " |")
    lines += ["", "| case | ratio | |", "|---|---|---:|"]
    for title, case in results["cases"].items():
        lines += [f"| {title} | {name} | {value:.2f} |" for name, value in ratios(case).items()]
    lines += ["", "| import | CPU ms |", "|---|---:|"]
    lines += [f"| {name} | {value:.0f} |" for name, value in results["imports_ms"].items()]
    for probe, found in results["probes"].items():
        lines += ["", f"| {probe} | |", "|---|---:|"]
        lines += [f"| {name} | {value:.1f} |" for name, value in found.items()]
    path.write_text("\n".join(lines) + "\n")


def _cell(figures: dict[str, Any] | None) -> str:
    if figures is None:
        return ""
    if "failure" in figures:
        return "failed: " + figures["failure"].partition(":")[0]
    low, high = figures["cpu_min_us"], figures["cpu_max_us"]
    return f"{figures['cpu_us']:,.1f} ({low:,.0f} to {high:,.0f})"
