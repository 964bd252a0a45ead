"""The figures as pictures, on logarithmic scales."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["draw"]

_COLOURS = {
    "ChatGraySwan": "#0b6e4f",
    "ChatOpenAI": "#c0392b",
    "LangChain floor": "#9db7d5",
    "simplest LangChain model": "#7d9cc0",
    "GraySwan": "#0b6e4f",
    "OpenAILike": "#c0392b",
    "LlamaIndex floor": "#9db7d5",
    "simplest LlamaIndex model": "#7d9cc0",
    "grayswan-api": "#8e8e8e",
    "bare httpx": "#4a6fa5",
}
_LLAMA_INDEX = frozenset(name for name in _COLOURS if "Llama" in name or name == "OpenAILike") | {
    "GraySwan",
}

_CONCURRENT = {"call": "{} concurrent calls", "chunk": "{} concurrent streams"}
_LONE = {"call": "1 async call", "chunk": "1 async stream"}
_LENGTHS = {
    1_000: "stream, burst",
    10_000: "stream, 10 times longer",
    100_000: "stream, 100 times longer",
}
_HISTORIES = {count: f"history of {count:,} messages" for count in (10, 100, 1000)}
_ONE_AT_A_TIME = ("one call", "stream, burst", "stream, 16 KiB pieces", "stream of a tool call")


def draw(results: Mapping[str, Any], directory: Path) -> None:
    """Draw three pictures: one at a time, many at a time, and how costs grow."""
    import matplotlib as mpl

    mpl.use("Agg")
    cases = results["cases"]
    if all(name in cases for name in _ONE_AT_A_TIME):
        _draw_bars({name: cases[name] for name in _ONE_AT_A_TIME}, directory / "one.svg")
    if all(name in cases for name in (*_LENGTHS.values(), *_HISTORIES.values())):
        _draw_lines(
            {
                "Streams: µs per chunk by chunks": _by_number(cases, _LENGTHS),
                "Histories: µs per message by messages": _by_number(cases, _HISTORIES),
            },
            directory / "growth.svg",
        )
    if "1 async call" in cases:
        _draw_lines(
            {
                "Async calls: µs per call by calls at once": _by_number(cases, _counts("call")),
                "Async streams: µs per chunk by streams at once": _by_number(
                    cases, _counts("chunk")
                ),
            },
            directory / "many.svg",
        )


def _counts(unit: str) -> dict[int, str]:
    counts = (20, 200, 1000) if unit == "call" else (20, 100, 200, 1000)
    return {1: _LONE[unit], **{count: _CONCURRENT[unit].format(f"{count:,}") for count in counts}}


def _by_number(
    cases: Mapping[str, Any], names: Mapping[int, str]
) -> dict[str, list[tuple[int, float]]]:
    """For each contender its medians, by a number that the cases differ in."""
    found: dict[str, list[tuple[int, float]]] = {}
    for number, name in names.items():
        for contender, figures in cases[name]["contenders"].items():
            if "cpu_us" in figures and not contender.endswith(("floor", "model")):
                found.setdefault(contender, []).append((number, figures["cpu_us"]))
    return found


def _draw_bars(cases: Mapping[str, Any], path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, all_axes = plt.subplots(2, 2, figsize=(11, 7.5), layout="constrained")
    for axes, (title, case) in zip(all_axes.flat, cases.items(), strict=True):
        contenders = case["contenders"]
        names = [name for name in contenders if "cpu_us" in contenders[name]][::-1]
        medians = [contenders[name]["cpu_us"] for name in names]
        bars = axes.barh(names, medians, color=[_COLOURS[name] for name in names])
        axes.bar_label(bars, labels=[f"{value:,.0f}" for value in medians], padding=3, fontsize=8)
        axes.set_xscale("log")
        axes.set_xlim(min(medians) / 2, max(medians) * 3)
        _label(axes.xaxis)
        axes.set_title(f"{title} (µs per {case['unit']})", fontsize=10)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle("CPU time, one at a time (logarithmic; shorter is better)")
    _save(figure, path)


def _draw_lines(panels: Mapping[str, Mapping[str, list[tuple[int, float]]]], path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, all_axes = plt.subplots(1, 2, figsize=(12, 4.6), layout="constrained")
    for axes, (title, lines) in zip(all_axes, panels.items(), strict=True):
        for name, points in lines.items():
            axes.plot(
                *zip(*points, strict=True),
                marker="o",
                markersize=4,
                color=_COLOURS[name],
                linestyle="--" if name in _LLAMA_INDEX else "-",
                label=name,
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        _label(axes.xaxis)
        _label(axes.yaxis)
        axes.set_title(title, fontsize=10)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(
        *max(
            (axes.get_legend_handles_labels() for axes in all_axes), key=lambda found: len(found[1])
        ),
        loc="outside right center",
        fontsize=8,
        frameon=False,
        handlelength=4,
    )
    figure.suptitle("CPU time (logarithmic; lower is better; LlamaIndex dashed)")
    _save(figure, path)


def _label(axis: Any) -> None:
    """Numbers at 1, 2 and 5 of each power of ten, written out."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:,.0f}")
    axis.set_minor_formatter(NullFormatter())


def _save(figure: Any, path: Path) -> None:
    import matplotlib.pyplot as plt

    # The same figures give the same file.
    plt.rcParams["svg.hashsalt"] = path.stem
    figure.savefig(path, metadata={"Date": None}, facecolor="white")
    plt.close(figure)
