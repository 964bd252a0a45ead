"""The results as a table, as JSON and as a plot."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.leakage.measuring import Result

__all__ = ["as_json", "plot", "table"]

_FRAMEWORKS = {"langchain": "LangChain", "llama_index": "LlamaIndex"}


def table(results: Sequence[Result], contenders: Sequence[str], protected: str) -> str:
    """A Markdown table: leakage of each contender, and what else the protected one keeps."""
    head = ["flow", "modes", *(f"leakage, {name}" for name in contenders)]
    head += ["whole", "words moved", "residue"]
    rows = [head, ["---"] * 2 + ["---:"] * (len(head) - 2)]
    for (framework, flow), of_flow in _by_flow(results):
        by_name = {name: [r for r in of_flow if r.contender == name] for name in contenders}
        kept = by_name[protected]
        row = [f"{_FRAMEWORKS[framework]}: {flow}", ", ".join(r.mode for r in kept)]
        row += [
            _percent(max((r.figures.leakage for r in by_name[n]), default=0)) for n in contenders
        ]
        row += [_percent(min(r.figures.recall for r in kept))]
        row += [str(max(r.figures.moved for r in kept))]
        row += [str(max(r.figures.residue for r in kept))]
        rows.append(row)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def as_json(results: Iterable[Result], about: Mapping[str, Any]) -> str:
    """All the figures."""
    listed = [{**asdict(result), "leakage": round(result.figures.leakage, 6)} for result in results]
    return json.dumps({**about, "results": listed}, indent=1)


def plot(results: Sequence[Result], contenders: Sequence[str], path: Path) -> None:
    """The leakage of each flow, one dot a contender."""
    import matplotlib as mpl  # noqa: PLC0415 - only the benchmark's full run needs it

    mpl.use("svg" if path.suffix == ".svg" else "agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    flows = _by_flow(results)
    figure, axes = plt.subplots(figsize=(9, 0.24 * len(flows) + 1.6), layout="constrained")
    styles = [("#9aa0a6", "o"), ("#c5221f", "D"), ("#1a73e8", "s")]
    for place, ((color, marker), name) in enumerate(zip(styles, contenders, strict=False)):
        worst = [
            max((each.figures.leakage for each in found if each.contender == name), default=0)
            for _, found in flows
        ]
        axes.scatter(
            [100 * value for value in worst],
            [row + 0.26 * (place - (len(contenders) - 1) / 2) for row in range(len(flows))],
            color=color,
            marker=marker,
            s=16,
            label=name,
            clip_on=False,
            zorder=3,
        )
    names = [f"{_FRAMEWORKS[framework]}: {flow}" for (framework, flow), _ in flows]
    axes.set_yticks(range(len(flows)), names, fontsize=8)
    axes.set_ylim(len(flows) - 0.4, -0.6)
    axes.set_xlim(0, 100)
    axes.grid(axis="x", color="#e0e0e0")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_xlabel("Untrusted text that is sent in a trusted role, % of its bytes (worst mode)")
    figure.legend(loc="outside upper center", ncols=len(contenders), frameon=False, fontsize=9)
    figure.savefig(path, dpi=150)


def _by_flow(results: Sequence[Result]) -> list[tuple[tuple[str, str], list[Result]]]:
    ordered = sorted(results, key=lambda result: result.framework)
    flows: dict[tuple[str, str], list[Result]] = {}
    for result in ordered:
        flows.setdefault((result.framework, result.flow), []).append(result)
    return list(flows.items())


def _percent(share: float) -> str:
    # Never rounded to a better figure than it is.
    return f"{100 * share:.1f} %" if 0 < share < 1 else f"{100 * share:.0f} %"
