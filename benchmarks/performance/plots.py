"""The figures as pictures, in the colours of the notebooks: dots, and axes that begin at zero."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.performance.cases import STRUCTURED, TOOLS

__all__ = ["draw"]

_COLOURS = {"ChatGraySwan": "#1a7f37", "GraySwan": "#0969da", "ChatOpenAI": "#c62828"}
_OTHER = "#9a6700"
_GROWTH = {
    "Structured stream: µs a chunk": (STRUCTURED, "characters"),
    "Call with tools: µs a call": (TOOLS, "tools"),
}


def draw(results: Mapping[str, Any], directory: Path) -> None:
    """Draw how many times cheaper ours is, case by case, and how costs grow."""
    from notebooks.pictures import dots

    cases = results["cases"]
    rows = {
        name: {pair: found["median"] for pair, found in case["ratios"].items()}
        for name, case in cases.items()
        if case["ratios"]
    }
    title = "CPU of the peer, divided by ours"
    dots(title, rows, "as much as ours; to the right, ours costs less").save(
        directory / "ratios.svg"
    )
    if {*STRUCTURED.values(), *TOOLS.values()} <= set(cases):
        _draw_growth(cases, directory / "growth.svg")


def _draw_growth(cases: Mapping[str, Any], path: Path) -> None:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    for number, (title, (names, unit)) in enumerate(_GROWTH.items(), 1):
        axes = figure.add_subplot(1, 2, number)
        contenders = dict.fromkeys(c for name in names.values() for c in cases[name]["contenders"])
        for contender in contenders:
            found = [
                (size, cases[name]["contenders"][contender].get("cpu_us"))
                for size, name in names.items()
            ]
            points = [(size, cpu) for size, cpu in found if cpu is not None]
            if points:
                colour = _COLOURS.get(contender, _OTHER)
                axes.plot(*zip(*points, strict=True), "o-", color=colour, label=contender)
        axes.set_xlim(0)
        axes.set_ylim(0)
        axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
        axes.set_xlabel(unit, fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#eaeef2")
        axes.legend(frameon=False, fontsize=9)
    with mpl.rc_context({"svg.hashsalt": "grayswan-integrations"}):
        figure.savefig(path, metadata={"Date": None, "Creator": None}, facecolor="white")
