"""Pictures made of one square for each case of a benchmark, from the benchmark's own results.

They are HTML with colours of the style sheet, so that they are legible on light and dark pages,
and wrap where a page is narrow. Each square tells its case when pointed at.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import NamedTuple

from benchmarks.faults.kinds import KINDS, kind_of, worst_of_streams

_BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

SOURCES = {
    "leakage": _BENCHMARKS / "leakage" / "results" / "results.json",
    "streams": _BENCHMARKS / "faults" / "results" / "faults.json",
}


class Row(NamedTuple):
    """One contender: its name, and a kind and a caption for each of its cases."""

    name: str
    squares: list[tuple[str, str]]


_LEAKAGE_KINDS = {"good": "nothing untrusted in a trusted role", "bad": "all of it there"}
_SEVERITY = [*KINDS]


def draw(name: str) -> str:
    """The picture of that name as one block of HTML."""
    results = json.loads(SOURCES[name].read_text(encoding="utf-8"))
    if name == "leakage":
        return _picture(_leakage_rows(results["results"]), _LEAKAGE_KINDS)
    return _picture(_stream_rows(results["rows"]), KINDS)


def _leakage_rows(results: list[dict[str, object]]) -> Iterable[Row]:
    worst: dict[str, dict[str, float]] = {}
    for each in results:
        flows = worst.setdefault(str(each["contender"]), {})
        flow = f"{each['framework']}: {each['flow']}"
        flows[flow] = max(flows.get(flow, 0.0), float(str(each["leakage"])))
    for contender, flows in worst.items():
        yield Row(
            contender,
            [("bad" if leak else "good", f"{flow}: {leak:.0%}") for flow, leak in flows.items()],
        )


def _stream_rows(rows: list[dict[str, object]]) -> Iterable[Row]:
    for contender, verdicts in worst_of_streams(rows).items():
        squares = [(kind_of(verdict), f"{fault}: {verdict}") for fault, verdict in verdicts]
        yield Row(contender, squares)


def _picture(rows: Iterable[Row], kinds: dict[str, str]) -> str:
    return "".join(["<div class='squares'>", *map(_row, rows), _legend(kinds), "</div>"])


def _row(row: Row) -> str:
    right = sum(kind == "good" for kind, _ in row.squares)
    count = f"{right} of {len(row.squares)}"
    name = escape(row.name)
    cells = "".join(
        f"<i class='{kind}' title='{escape(caption, quote=True)}'></i>"
        for kind, caption in sorted(row.squares, key=lambda each: _SEVERITY.index(each[0]))
    )
    return (
        f"<div class='row'><span class='name'>{name}</span> <b>{count}</b>"
        f"<span class='cells' role='img' aria-label='{name}: {count} right'>{cells}</span></div>"
    )


def _legend(kinds: dict[str, str]) -> str:
    items: Iterator[str] = (
        f"<span><i class='{kind}'></i> {escape(words)}</span>" for kind, words in kinds.items()
    )
    return f"<div class='legend'>{' '.join(items)}</div>"
