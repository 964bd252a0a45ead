"""The results as a table and as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["picture", "table"]

Results = Mapping[str, Mapping[str, Mapping[str, bool]]]


def table(results: Results) -> str:
    """A Markdown table: of each leak and each guard, the surfaces on which it leaks."""
    first = next(iter(results.values()))
    rows = [["leak", *first], ["---"] * (len(first) + 1)]
    rows += [[leak, *map(_cell, found.values())] for leak, found in results.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _cell(surfaces: Mapping[str, bool]) -> str:
    leaking = [name for name, leaks in surfaces.items() if leaks]
    if not leaking:
        return "none"
    return f"all {len(surfaces)}" if len(leaking) == len(surfaces) else ", ".join(leaking)


_LEAKS, _HOLDS = "#c5221f", "#e6f4ea"


def picture(results: Results, path: Path) -> None:
    """A row for each leak, a block of squares for each guard, a square for each surface."""
    import matplotlib as mpl  # noqa: PLC0415 - only the full run needs it

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "guards"
    import matplotlib.pyplot as plt  # noqa: PLC0415
    from matplotlib.patches import Patch, Rectangle  # noqa: PLC0415

    guards = list(next(iter(results.values())))
    surfaces = list(next(iter(next(iter(results.values())).values())))
    figure, axes = plt.subplots(figsize=(11, 0.34 * len(results) + 2.1), layout="constrained")
    width = len(surfaces) + 1
    for row, found in enumerate(results.values()):
        for block, guard in enumerate(guards):
            for column, surface in enumerate(surfaces):
                color = _LEAKS if found[guard][surface] else _HOLDS
                place = (block * width + column, row)
                axes.add_patch(Rectangle(place, 0.9, 0.8, facecolor=color, edgecolor="none"))
    axes.set_xlim(0, len(guards) * width - 1)
    axes.set_ylim(len(results), 0)
    axes.set_yticks([row + 0.4 for row in range(len(results))], list(results), fontsize=9)
    places = [
        block * width + column + 0.45
        for block in range(len(guards))
        for column in range(len(surfaces))
    ]
    axes.set_xticks(places, surfaces * len(guards), rotation=90, fontsize=7)
    for block, guard in enumerate(guards):
        name = guard.replace(", ", "\n")
        axes.text(block * width + len(surfaces) / 2, -0.25, name, ha="center", fontsize=9)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    legend = [Patch(color=_LEAKS, label="leaks"), Patch(color=_HOLDS, label="does not")]
    figure.legend(handles=legend, loc="outside lower right", ncols=2, frameon=False, fontsize=9)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
