"""Where each part of a text comes from, told by the marks in it. Pure.

Between an opening mark and its closing mark everything is untrusted, exactly. Where a cut or a
rewrite has taken one of the two away, the ticks between them remain, and the code fails closed:
a run of marks with no more than `WORDS_PER_TICK` words from one to the next is untrusted, and so
is what stands before or after it in doubt: as many words, or as far as the end of the line where
the run shows that lines were kept. So what is in doubt may take a few trusted words with it, and
never gives an untrusted one away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from grayswan_core.marks import WORDS_PER_TICK, Anchor, Kind, anchors, has_marks, mark, plain

__all__ = ["Piece", "mark", "plain", "split"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text, without marks, and whether it is untrusted."""

    text: str
    untrusted: bool


@dataclass(slots=True)
class _Span:
    start: int
    end: int


def split(text: str) -> list[Piece]:
    """The parts of a text in order, trusted and untrusted, without any mark.

    A text without marks costs one scan, and is one trusted piece.
    """
    if not has_marks(text):
        return [Piece(text, untrusted=False)]
    pieces: list[Piece] = []
    place = 0
    for span in _untrusted_spans(text):
        if place < span.start:
            pieces.append(Piece(text[place : span.start], untrusted=False))
        pieces.append(Piece(plain(text[span.start : span.end]), untrusted=True))
        place = span.end
    if place < len(text):
        pieces.append(Piece(text[place:], untrusted=False))
    return pieces


def _untrusted_spans(text: str) -> list[_Span]:
    """Where the text is untrusted; in order, and apart from each other."""
    spans: list[_Span] = []
    for run in _runs(text, anchors(text)):
        after = spans[-1].end if spans else 0
        spans.append(_Span(_start(text, run, after), _end(text, run)))
    return spans


@dataclass(frozen=True, slots=True)
class _Run:
    """Marks that belong together, and where the next mark after them begins."""

    marks: Sequence[Anchor]
    next_mark: int
    kept_lines: bool


def _runs(text: str, found: Sequence[Anchor]) -> Iterator[_Run]:
    closing = _closing_marks(found)
    index = 0
    while index < len(found):
        last = closing.get(index)
        if last is None:
            last = _last_of_run(text, found, index)
        marks = found[index : last + 1]
        following = found[last + 1].start if last + 1 < len(found) else len(text)
        yield _Run(marks, following, _kept_lines(text, marks))
        index = last + 1


def _closing_marks(found: Sequence[Anchor]) -> dict[int, int]:
    """For each opening mark that is whole, the first closing mark after it that is its own."""
    closing: dict[int, int] = {}
    latest: dict[str, int] = {}
    for index in range(len(found) - 1, -1, -1):
        anchor = found[index]
        if not anchor.id:
            continue
        if anchor.kind is Kind.CLOSE:
            latest[anchor.id] = index
        elif anchor.id in latest:
            closing[index] = latest[anchor.id]
    return closing


def _last_of_run(text: str, found: Sequence[Anchor], first: int) -> int:
    """The last mark of the run that the first one begins."""
    last = first
    while last + 1 < len(found) and not _is_close(found[last]) and not _is_open(found[last + 1]):
        between = text[found[last].end : found[last + 1].start]
        if len(between.split(maxsplit=WORDS_PER_TICK)) > WORDS_PER_TICK:
            break
        last += 1
    return last


def _is_open(anchor: Anchor) -> bool:
    return anchor.kind is Kind.OPEN and bool(anchor.id)


def _is_close(anchor: Anchor) -> bool:
    return anchor.kind is Kind.CLOSE and bool(anchor.id)


# The end of a line, also as JSON and Python's repr write it.
_LINE_END = re.compile(r"\n|\\+n")
_BLANK_AT_END = re.compile(r"(?:\s|\\+[nrt])*$")
_WORDS_AFTER = re.compile(rf"\S*(?:\s+\S+){{0,{WORDS_PER_TICK}}}")
_WORDS_BEFORE = re.compile(rf"(?:\S+\s+){{0,{WORDS_PER_TICK}}}\S*$")


def _kept_lines(text: str, marks: Sequence[Anchor]) -> bool:
    """Whether every line between the marks begins with one, as when it was marked."""
    for anchor, following in pairwise(marks):
        between = text[anchor.end : following.start]
        if _LINE_END.search(_BLANK_AT_END.sub("", between)):
            return False
    return True


def _start(text: str, run: _Run, after: int) -> int:
    """Where the run's text begins, not before the place `after`."""
    first = run.marks[0]
    if _is_open(first):
        return first.start
    if run.kept_lines:
        line_ends = [found.end() for found in _LINE_END.finditer(text, after, first.start)]
        after = line_ends[-1] if line_ends else after
    before = text[after : first.start]
    words = _WORDS_BEFORE.search(before)
    return after + (words.start() if words else 0)


def _end(text: str, run: _Run) -> int:
    """Where the run's text ends, not after the mark that comes next."""
    last = run.marks[-1]
    if _is_close(last):
        return last.end
    line_end = _LINE_END.search(text, last.end, run.next_mark) if run.kept_lines else None
    words = _WORDS_AFTER.match(text, last.end, line_end.start() if line_end else run.next_mark)
    return words.end() if words else last.end
