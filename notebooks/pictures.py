"""Draws what was sent in which role, and the benchmarks' figures.

A picture is a PNG where pictures can be shown, and says the same in words where they cannot.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from PIL import Image

from notebooks.wire_text import Line, Message, Span, holders, messages, shown_lines

if TYPE_CHECKING:
    from grayswan_devserver import DevServer

__all__ = ["Picture", "Words", "bars", "dots", "roles", "sent", "squares", "where"]

# It says on stderr that it looks for fonts, when it is run for the first time.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

# Hinted characters are whole pixels wide, and a line's words would not be where they are reckoned.
_RENDERING: Any = {"text.hinting": "none", "svg.hashsalt": "grayswan-integrations"}

_SHADES = 96

WireMessages = Sequence[Mapping[str, Any]]

LIVE = "The API does not show what it was sent; run this without a key, and the local server does."

_INK, _FAINT = "#1f2328", "#59636e"
_RED, _GREEN = "#c62828", "#1a7f37"
_COLOURS = {
    "system": ("#6639ba", "#f5f0ff"),
    "user": ("#0969da", "#ecf5ff"),
    "assistant": ("#57606a", "#f2f3f5"),
    "tool": ("#9a6700", "#fdf6e0"),
    "data": (_GREEN, "#eaf7ee"),
}
_HIGHLIGHTS = {"tool": "#f2dda4", "data": "#c7e6d0"}
_SAYINGS = {
    "system": "may instruct",
    "user": "may instruct",
    "assistant": "the model's own words",
    "tool": "what a tool returned",
    "data": "to be read, not obeyed",
}

# Everything is laid out in points, 72 to the inch.
_TEXT = 8.5
_PLAIN = "DejaVu Sans"
_WIDE = "\u2634"  # the sign in marks
_CHARACTER = 0.602 * _TEXT  # DejaVu Sans Mono, which comes with matplotlib
_LINE = 12.0
_PAD = 8.0
_GAP = 7.0
_GUTTER = 16.0
_HEADER = 36.0
_TAG = 19.0
_VERDICT = 22.0


class Picture:
    """A figure, and the same in words."""

    def __init__(self, figure: Figure, words: str) -> None:
        self.figure = figure
        self._words = words

    def __repr__(self) -> str:
        return self._words

    def save(self, path: Path) -> None:
        """Write it to a file, the same bytes each time; its ending says in which format."""
        suffix = path.suffix.removeprefix(".")
        nothing = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}[suffix]
        with mpl.rc_context(_RENDERING):
            self.figure.savefig(path, format=suffix, dpi=144, transparent=True, metadata=nothing)

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        drawn, file = io.BytesIO(), io.BytesIO()
        with mpl.rc_context(_RENDERING):
            self.figure.savefig(drawn, format="png", dpi=144)
        # A few dozen colours are all there are, and a quarter of the bytes.
        Image.open(drawn).convert("RGB").quantize(_SHADES).save(file, format="png", optimize=True)
        width, height = self.figure.get_size_inches() * 100
        return file.getvalue(), {"width": round(width), "height": round(height)}


class Words:
    """Shown in a picture's place."""

    def __init__(self, words: str) -> None:
        self._words = words

    def __repr__(self) -> str:
        return self._words


def sent(server: DevServer | None) -> WireMessages | None:
    """The messages of the latest request, or None where they went to the API."""
    return None if server is None else server.last.body["messages"]


def roles(
    *columns: tuple[str, str, WireMessages | None], attack: str = "", inches: float = 9.0
) -> Picture | Words:
    """Requests side by side: every message in the colour of its role.

    Args:
        columns: For each request a title, a line of code, and the messages that were sent.
        attack: The attacker's text. It is red where it stands in a role that may instruct.
        inches: How wide the picture is.
    """
    requests = [messages(wire) for _, _, wire in columns if wire is not None]
    if len(requests) < len(columns):
        return Words(LIVE)
    width = (inches * 72 - 2 * _PAD - (len(columns) - 1) * _GUTTER) / len(columns)
    room = int((width - 2 * _PAD) / _CHARACTER)
    laid_out = [
        [(message, shown_lines(message, attack, room)) for message in request]
        for request in requests
    ]
    tallest = max(sum(map(_height, column)) for column in laid_out)
    height = _HEADER + tallest + (_VERDICT if attack else 0) + 2 * _PAD
    figure, axes = _canvas(inches * 72, height)
    for place, (column, (title, code, _)) in enumerate(zip(laid_out, columns, strict=True)):
        left = _PAD + place * (width + _GUTTER)
        _draw_header(axes, left, height - _PAD, title, code)
        top = height - _PAD - _HEADER
        for message, lines in column:
            _draw_message(axes, left, top, width, message, lines)
            top -= _height((message, lines))
        if attack:
            _draw_verdict(axes, left, _PAD, width, holders(requests[place], attack))
    words = [
        _in_words(column, title, holders(request, attack) if attack else None)
        for column, (title, _, _), request in zip(laid_out, columns, requests, strict=True)
    ]
    return Picture(figure, "\n\n".join(words))


def where(wire: WireMessages | None, attack: str) -> str:
    """In which roles the attacker's text was sent, in words."""
    return LIVE if wire is None else _verdict(holders(messages(wire), attack))


_SQUARES_A_LINE = 45  # more would be wider than a page


def squares(rows: Sequence[tuple[str, Sequence[float]]], things: str = "flows") -> Picture:
    """A row of squares for each name: red where a share leaks, green where nothing does.

    Args:
        rows: For each name the shares, 0 to 1, in the same order of what they are shares of.
        things: What they are shares of.
    """
    side, gap, label = 13.0, 2.0, 36.0
    count = max(len(shares) for _, shares in rows)
    lines = -(-count // _SQUARES_A_LINE)
    line = -(-count // lines)
    width = max(line * (side + gap), 400) + 2 * _PAD
    height = len(rows) * (lines * (side + gap) + label) + _PAD
    figure, axes = _canvas(width, height)
    top = height
    words = []
    for name, shares in rows:
        clean = sum(share == 0 for share in shares)
        words.append(f"{name}: none of it in {clean} of {len(shares)} {things}")
        _write(axes, _PAD, top - 24, name, weight="bold")
        result = f"{clean} of {len(shares)} keep it out"
        _write(
            axes,
            width - _PAD,
            top - 24,
            result,
            color=_GREEN if clean == len(shares) else _RED,
            ha="right",
        )
        for number, share in enumerate(shares):
            below, across = divmod(number, line)
            corner = (_PAD + across * (side + gap), top - label - side + 4 - below * (side + gap))
            axes.add_patch(Rectangle(corner, side, side, color=_mixed(share)))
        top -= lines * (side + gap) + label
    return Picture(figure, "\n".join(words))


def bars(
    title: str,
    values: Mapping[str, float],
    unit: str,
    ours: Sequence[str],
    *,
    digits: int = 0,
    spreads: Mapping[str, tuple[float, float]] | None = None,
    failures: Mapping[str, str] | None = None,
) -> Picture:
    """Horizontal bars, the first on top; ours in colour.

    Args:
        title: What was measured.
        values: A figure for each name.
        unit: What the figures count.
        ours: The names that are drawn in colour.
        digits: Decimal places of the figures.
        spreads: The smallest and the largest figure of a name, drawn as a thin line that
            ends at the picture's edge.
        failures: Names without a figure, and why.
    """
    failures = failures or {}
    names = [*values, *failures][::-1]
    labels = {name: f"{value:,.{digits}f} {unit}".rstrip() for name, value in values.items()}
    labels |= {name: f"failed: {failure}" for name, failure in failures.items()}
    figure, axes = _chart(title, len(names))
    lengths = [values.get(name, 0) for name in names]
    colours = [_GREEN if name in ours else "#afb8c1" for name in names]
    axes.barh(names, lengths, color=colours, height=0.7)
    ends, edge = dict(values), 1.4 * max(values.values())
    for name, (low, high) in (spreads or {}).items():
        ends[name] = min(max(high, values[name]), edge)
        axes.plot([low, ends[name]], [name, name], color=_INK, linewidth=0.9, alpha=0.6)
    axes.set_xlim(0, max(ends.values()) * 1.18)
    for row, name in enumerate(names):
        axes.annotate(
            labels[name], (ends.get(name, 0), row), (5, 0), textcoords="offset points",
            va="center", fontsize=9, color=_INK,
        )  # fmt: skip
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(bottom=False, labelbottom=False)
    return Picture(
        figure, "\n".join([title, *(f"  {name}: {labels[name]}" for name in names[::-1])])
    )


def dots(title: str, rows: Mapping[str, Mapping[str, float]], one: str) -> Picture:
    """Ratios on a logarithmic scale: a row for each case, a dot for each pair.

    Args:
        title: What was compared.
        rows: For each case its ratios by the name of the pair.
        one: What a ratio of one means.
    """
    figure, axes = _chart(title, len(rows) + 2)
    pairs = list(dict.fromkeys(pair for ratios in rows.values() for pair in ratios))
    cases = list(rows)[::-1]
    for pair, colour, marker in zip(pairs, (_GREEN, "#0969da", _FAINT), "osD", strict=False):
        shown = [row for row, case in enumerate(cases) if pair in rows[case]]
        values = [rows[cases[row]][pair] for row in shown]
        axes.scatter(values, shown, s=46, color=colour, marker=marker, label=pair)
    axes.axvline(1, color=_RED, linewidth=1)
    axes.set_yticks(range(len(cases)), cases)
    axes.set_ylim(-0.7, len(cases) - 0.3)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel(f"1 = {one}", fontsize=9, color=_INK)
    axes.grid(axis="y", color="#eaeef2")
    axes.set_axisbelow(True)
    figure.legend(loc="outside lower center", ncols=len(pairs), frameon=False, fontsize=9)
    words = [
        f"  {case}: " + ", ".join(f"{pair} {value:.2f}" for pair, value in ratios.items())
        for case, ratios in rows.items()
    ]
    return Picture(figure, "\n".join([f"{title} (1 = {one})", *words]))


def _chart(title: str, rows: int) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(9, 0.8 + 0.34 * rows))
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.1)
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=_INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(left=False, labelsize=9.5, colors=_INK)
    return figure, axes


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """A white card with round corners, readable on any page, with axes in points."""
    figure = Figure(figsize=(width / 72, height / 72))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.set_axis_off()
    card = "round,pad=0,rounding_size=8"
    axes.add_patch(FancyBboxPatch((0, 0), width, height, boxstyle=card, fc="white", ec="none"))
    return figure, axes


def _write(axes: Axes, x: float, y: float, text: str, **style: Any) -> None:
    plain: dict[str, Any] = {"color": _INK, "fontsize": 10, "family": _PLAIN}
    axes.text(x, y, text, va="baseline", parse_math=False, **(plain | style))


def _mono(axes: Axes, x: float, y: float, text: str, **style: Any) -> None:
    for place, piece in enumerate(re.split(f"({_WIDE})", text)):
        # Even pieces have all their characters in the font; odd ones are borrowed, and wider.
        size, family = (_TEXT, "DejaVu Sans Mono") if place % 2 == 0 else (_TEXT * 0.66, _PLAIN)
        if piece:
            _write(axes, x, y, piece, **{"fontsize": size, "family": family} | style)
        x += len(piece) * _CHARACTER


def _height(drawn: tuple[Message, Sequence[Line]]) -> float:
    return _TAG + len(drawn[1]) * _LINE + _PAD + _GAP


def _draw_header(axes: Axes, left: float, top: float, title: str, code: str) -> None:
    _write(axes, left, top - 12, title, weight="bold", fontsize=11)
    _mono(axes, left, top - 26, code, color=_FAINT)


def _draw_message(
    axes: Axes, left: float, top: float, width: float, message: Message, lines: Sequence[Line]
) -> None:
    strong, weak = _COLOURS.get(message.role, (_FAINT, "#f2f3f5"))
    bottom = top - _height((message, lines)) + _GAP
    box = "round,pad=0,rounding_size=4"
    axes.add_patch(
        FancyBboxPatch((left, bottom), width, top - bottom, boxstyle=box, fc=weak, ec="#d1d9e0")
    )
    axes.add_patch(Rectangle((left, bottom), 3.5, top - bottom, color=strong))
    _write(axes, left + _PAD, top - 13, message.role, weight="bold", fontsize=9.5, color=strong)
    saying = _SAYINGS.get(message.role, "")
    _write(axes, left + width - _PAD, top - 13, saying, fontsize=8, color=strong, ha="right")
    for number, line in enumerate(lines):
        baseline = top - _TAG - (number + 1) * _LINE + 3
        _draw_line(axes, left + _PAD, baseline, line, message)


def _draw_line(axes: Axes, left: float, baseline: float, line: Line, message: Message) -> None:
    for span in line.spans:
        x = left + span.start * _CHARACTER
        if span.hostile:
            _highlight(axes, x, baseline, span, message)
        if span.reference:
            _mono(axes, x, baseline, span.text, color=_GREEN, weight="bold")
        else:
            colour = (
                _FAINT if line.elided else "white" if span.hostile and message.trusted else _INK
            )
            _mono(axes, x, baseline, span.text, color=colour)


def _highlight(axes: Axes, x: float, baseline: float, span: Span, message: Message) -> None:
    corner, width = (x - 1, baseline - 3.2), len(span.text) * _CHARACTER + 2
    colour = _RED if message.trusted else _HIGHLIGHTS.get(message.role, "#d8dee4")
    axes.add_patch(Rectangle(corner, width, _LINE, color=colour))


def _draw_verdict(
    axes: Axes, left: float, bottom: float, width: float, where: Sequence[Message]
) -> None:
    trusted = any(message.trusted for message in where)
    only_data = all(message.role == "data" for message in where)
    colour, sign = (_RED, "✗ ") if trusted else (_GREEN, "✓ ") if only_data else ("#9a6700", "")
    box = "round,pad=0,rounding_size=4"
    axes.add_patch(FancyBboxPatch((left, bottom), width, 18, boxstyle=box, fc=colour, ec="none"))
    text = f"{sign} {_verdict(where)}".strip()
    _write(axes, left + _PAD, bottom + 5.5, text, color="white", fontsize=9, weight="bold")


def _verdict(where: Sequence[Message]) -> str:
    if not where:
        return "The attacker's text was not sent"
    named = dict.fromkeys(message.role for message in where)
    return f"The attacker's text is in: {', '.join(named)}"


def _in_words(
    column: Sequence[tuple[Message, Sequence[Line]]], title: str, where: Sequence[Message] | None
) -> str:
    said = [f"== {title} =="]
    for message, lines in column:
        said += [f"{message.role}:", *(f"    {line}" for line in lines)]
    return "\n".join(said if where is None else [*said, f"=> {_verdict(where)}"])


def _mixed(share: float) -> str:
    return _GREEN if share == 0 else _RED if share == 1 else "#e36209"
