"""The figures as Markdown tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.performance import goals

__all__ = ["write_table"]


def write_table(results: dict[str, Any], path: Path) -> None:
    """Write every figure as Markdown."""
    names = list(dict.fromkeys(n for c in results["cases"].values() for n in c["contenders"]))
    lines = ["Goals, and what was reached; bold: missed.", "", *goals.table(results), ""]
    lines += [
        "CPU microseconds for one unit of the work, medians; in brackets smallest and largest.",
        "",
        "| case | unit | " + " | ".join(names) + " |",
        "|---|---|" + "---:|" * len(names),
    ]
    for title, case in results["cases"].items():
        cells = [_cell(case["contenders"].get(name)) for name in names]
        lines.append(f"| {title} | {case['unit']} | " + " | ".join(cells) + " |")
    lines += ["", "| case | ratio of CPU time | median | smallest | largest |"]
    lines.append("|---|---|---:|---:|---:|")
    for title, case in results["cases"].items():
        for name, found in case["ratios"].items():
            figures = " | ".join(f"{found[each]:.2f}" for each in ("median", "min", "max"))
            lines.append(f"| {title} | {name} | {figures} |")
    lines += _lateness(results["cases"])
    lines += ["", "| import | CPU ms |", "|---|---:|"]
    lines += [f"| {name} | {value:.0f} |" for name, value in results["imports_ms"].items()]
    for probe, found in results["probes"].items():
        lines += ["", f"| {probe} | |", "|---|---:|"]
        lines += [f"| {name} | {value:.1f} |" for name, value in found.items()]
    path.write_text("\n".join(lines) + "\n")


def _lateness(cases: dict[str, Any]) -> list[str]:
    found = {
        f"{title}: {name}": each["late_ms"]
        for title, case in cases.items()
        for name, each in case["contenders"].items()
        if "late_ms" in each
    }
    lines = ["", "| 99 of 100 chunks at most so late | ms |", "|---|---:|"]
    return lines + [f"| {name} | {late:.1f} |" for name, late in found.items()]


def _cell(figures: dict[str, Any] | None) -> str:
    if figures is None:
        return ""
    if "failure" in figures:
        return "failed: " + figures["failure"].partition(":")[0]
    low, high = figures["cpu_min_us"], figures["cpu_max_us"]
    return f"{figures['cpu_us']:,.1f} ({low:,.0f} to {high:,.0f})"
