"""The faults of streams as a picture: a square for each, by how it ended. Plain SVG."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

from benchmarks.faults.kinds import KINDS, kind_of, worst_of_streams

__all__ = ["picture"]

_COLOURS = {"good": "#1a936f", "odd": "#f2c14e", "slow": "#f78154", "bad": "#c0392b"}
_SIDE, _GAP, _LEFT, _LINE, _PAD = 7, 2, 160, 28, 20
_HIGH = 13
_TEXT = "font-family='Helvetica, Arial, sans-serif' fill='#222'"


def picture(rows: Iterable[Mapping[str, Any]]) -> str:
    """An SVG on a white card: one line for each contender, the worst squares last."""
    found = worst_of_streams(rows)
    count = max(map(len, found.values()))
    width = _LEFT + count * (_SIDE + _GAP) + 90
    height = _PAD + len(found) * _LINE + 48
    parts = [
        _head(width, height),
        f"<rect width='{width}' height='{height}' rx='10' fill='white'/>",
        *(part for line in enumerate(found.items()) for part in _contender(*line)),
        *_legend(_PAD + len(found) * _LINE + 22),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _head(width: int, height: int) -> str:
    size = f"viewBox='0 0 {width} {height}' width='{width}' height='{height}'"
    return f"<svg xmlns='http://www.w3.org/2000/svg' {size} role='img'>"


def _contender(number: int, line: tuple[str, list[tuple[str, str]]]) -> Iterator[str]:
    name, verdicts = line
    top = _PAD + number * _LINE
    severity = [*KINDS]
    right = sum(kind_of(verdict) == "good" for _, verdict in verdicts)
    yield _words(_PAD, top + 11, name, weight="bold")
    ordered = sorted(verdicts, key=lambda each: severity.index(kind_of(each[1])))
    for place, (fault, verdict) in enumerate(ordered):
        yield (
            f"<rect x='{_LEFT + place * (_SIDE + _GAP)}' y='{top}' width='{_SIDE}'"
            f" height='{_HIGH}' rx='1.5' fill='{_COLOURS[kind_of(verdict)]}'>"
            f"<title>{escape(fault)}: {escape(verdict)}</title></rect>"
        )
    end = _LEFT + len(verdicts) * (_SIDE + _GAP) + 8
    yield _words(end, top + 11, f"{right} of {len(verdicts)}")


def _legend(top: int) -> Iterator[str]:
    left = _PAD
    for kind, words in KINDS.items():
        yield (
            f"<rect x='{left}' y='{top}' width='{_SIDE}' height='{_HIGH}' rx='1.5'"
            f" fill='{_COLOURS[kind]}'/>"
        )
        yield _words(left + 13, top + 11, words, size=12)
        left += 34 + round(len(words) * 5.7)


def _words(x: int, y: int, words: str, *, weight: str = "normal", size: int = 13) -> str:
    style = f"font-size='{size}' font-weight='{weight}' {_TEXT}"
    return f"<text x='{x}' y='{y}' {style}>{escape(words)}</text>"
