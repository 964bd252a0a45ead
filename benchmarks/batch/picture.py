"""Requests over time under a limit, as one small chart for each contender, in SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

__all__ = ["picture"]

_WIDTH, _PANEL, _LEFT, _TOP = 760, 92, 210, 34
_ANSWERED, _REFUSED, _INK, _FAINT = "#2a7f9e", "#d1495b", "#444", "#bbb"
_TEXT = f'font-family="system-ui, sans-serif" font-size="12" fill="{_INK}"'
_LEGEND = (
    f'<text x="12" y="20"><tspan fill="{_ANSWERED}">■</tspan> answered,'
    f' <tspan fill="{_REFUSED}">■</tspan> refused with 429: requests a second.'
    " The dashed line is the limit.</text>"
)
_STEP = 1.0  # seconds a bar


def picture(found: Sequence[dict[str, Any]]) -> str:
    """Bars of requests a second: answered ones, and refused ones on top of them."""
    longest = max((_end(each) for each in found), default=1.0)
    highest = max((max((a + r for a, r in _bars(each)), default=1) for each in found), default=1)
    height = _TOP + _PANEL * len(found) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" {_TEXT}>',
        "<title>Requests a second under a rate limit</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        _LEGEND,
    ]
    for number, each in enumerate(found):
        parts += _panel(each, _TOP + number * _PANEL, longest, highest)
    parts += _axis(longest, height)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(each: dict[str, Any], top: int, longest: float, highest: float) -> list[str]:
    room = _PANEL - 22
    bottom = top + room
    step = (_WIDTH - _LEFT - 16) * _STEP / longest
    share = each["requests"] / each["rows"]
    lost = each["rows"] - each["answered"]
    parts = [
        f'<text x="12" y="{top + 22}" font-weight="600">{escape(each["name"])}</text>',
        f'<text x="12" y="{top + 40}">{share:.2f} requests a row</text>',
        f'<text x="12" y="{top + 56}">{lost:,} rows lost</text>',
    ]
    for number, (answered, refused) in enumerate(_bars(each)):
        x = _LEFT + number * step
        for colour, low, high in (
            (_ANSWERED, 0.0, answered),
            (_REFUSED, answered, answered + refused),
        ):
            if high > low:
                tall = (high - low) / highest * room
                y = bottom - high / highest * room
                parts.append(
                    f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(step - 0.5, 0.6):.1f}"'
                    f' height="{tall:.1f}" fill="{colour}"/>'
                )
    limit = bottom - each["limit"] / highest * room
    parts.append(
        f'<path d="M{_LEFT} {limit:.1f}H{_WIDTH - 16}" stroke="{_INK}" stroke-dasharray="3 3"/>'
        f'<path d="M{_LEFT} {bottom}H{_WIDTH - 16}" stroke="{_FAINT}"/>'
    )
    return parts


def _axis(longest: float, height: int) -> list[str]:
    scale = (_WIDTH - _LEFT - 16) / longest
    every = 10 if longest > 25 else 5  # noqa: PLR2004 - seconds between two labels
    marks = range(0, int(longest) + 1, every)
    y = height - 12
    return [
        f'<text x="{_LEFT + mark * scale:.0f}" y="{y}" text-anchor="middle">{mark} s</text>'
        for mark in marks
    ]


def _bars(each: dict[str, Any]) -> list[tuple[float, float]]:
    """Answered and refused requests in each second from the first request on."""
    series = [(0.0, 0, 0), *each["series"]]
    first = next((i for i, (_, good, bad) in enumerate(series) if good or bad), len(series))
    bars: list[tuple[float, float]] = []
    begun, before = (series[max(0, first - 1)][0], (0, 0))
    for when, good, bad in series[first:]:
        if when - begun >= _STEP:
            wide = when - begun
            bars.append(((good - before[0]) / wide, (bad - before[1]) / wide))
            begun, before = when, (good, bad)
    while bars and bars[-1] == (0, 0):
        bars.pop()
    return bars


def _end(each: dict[str, Any]) -> float:
    return max(len(_bars(each)) * _STEP, 1.0)
