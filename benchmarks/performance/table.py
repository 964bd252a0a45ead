"""The figures as a Markdown table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["write_table"]


def write_table(results: dict[str, Any], path: Path) -> None:
    """Write every figure as Markdown."""
    names = list(dict.fromkeys(n for c in results["cases"].values() for n in c["contenders"]))
    lines = [
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
    lines += _waits(results["cases"].get("time to first token"))
    lines += ["", "| import | CPU ms |", "|---|---:|"]
    lines += [f"| {name} | {value:.0f} |" for name, value in results["imports_ms"].items()]
    for probe, found in results["probes"].items():
        lines += ["", f"| {probe} | |", "|---|---:|"]
        lines += [f"| {name} | {value:.1f} |" for name, value in found.items()]
    path.write_text("\n".join(lines) + "\n")


def _waits(case: dict[str, Any] | None) -> list[str]:
    if case is None:
        return []
    found = {name: each for name, each in case["contenders"].items() if "wall_us" in each}
    lines = ["", "| time to first token | ms that one waits |", "|---|---:|"]
    return lines + [f"| {name} | {each['wall_us'] / 1e3:.2f} |" for name, each in found.items()]


def _cell(figures: dict[str, Any] | None) -> str:
    if figures is None:
        return ""
    if "failure" in figures:
        return "failed: " + figures["failure"].partition(":")[0]
    low, high = figures["cpu_min_us"], figures["cpu_max_us"]
    return f"{figures['cpu_us']:,.1f} ({low:,.0f} to {high:,.0f})"
