"""The figures as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["draw"]

_COLOURS = {
    "ChatGraySwan": "#0b6e4f",
    "GraySwan": "#16a06a",
    "ChatOpenAI": "#9a9a9a",
    "OpenAILike": "#b9b9b9",
    "grayswan-api": "#cfcfcf",
    "bare httpx": "#4a6fa5",
    "LangChain floor": "#88a8d0",
    "LlamaIndex floor": "#b4c8e4",
}


def draw(results: dict[str, Any], directory: Path) -> None:
    """Draw one picture of all cases: bars, on a logarithmic scale."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    cases = results["cases"]
    figure, all_axes = plt.subplots(
        (len(cases) + 1) // 2, 2, figsize=(12, 2.6 * ((len(cases) + 1) // 2)), layout="constrained"
    )
    for axes in all_axes.flat[len(cases) :]:
        axes.set_visible(False)
    for axes, (title, case) in zip(all_axes.flat, cases.items(), strict=False):
        _draw_case(axes, title, case)
    figure.suptitle("CPU time of one call or chunk (µs, logarithmic; shorter is better)")
    figure.savefig(directory / "results.png", dpi=110)
    plt.close(figure)


def _draw_case(axes: Any, title: str, case: dict[str, Any]) -> None:
    names = [name for name, each in case["contenders"].items() if "cpu_us" in each][::-1]
    medians = [case["contenders"][name]["cpu_us"] for name in names]
    bars = axes.barh(names, medians, color=[_COLOURS[name] for name in names])
    axes.bar_label(bars, labels=[f"{value:,.0f}" for value in medians], padding=3, fontsize=8)
    axes.set_xscale("log")
    axes.set_xlim(min(medians) / 2, max(medians) * 4)
    axes.set_title(f"{title} (per {case['unit']})", fontsize=10)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
