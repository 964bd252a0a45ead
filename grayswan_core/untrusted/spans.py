"""Which parts of a text are untrusted, known by the marks in it. Sans-I/O.

Between an opening mark and its own closing mark everything is untrusted. Where a cut or a rewrite
has taken one of the two away, what is left says where the text was, and the code fails closed:

* Ticks: a run of marks with no more than `WORDS_PER_TICK` words from one to the next is untrusted,
  and so is what stands before or after it in doubt: as many words, or as far as the line goes.
* A mark without ticks: everything to the text's end is untrusted, or from its beginning.

Two pieces of one text may stand apart, with a program's own words between them, as an opening
and a closing mark. Each line of a marked text has a tick, so a line that has none is not the
text's: unless the text is whole, as its ID tells, or its lines may have been wrapped anew.
"""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple, TypeAlias

from grayswan_core.untrusted.ids import is_genuine, is_id_of
from grayswan_core.untrusted.lines import (
    end_of_run,
    is_regular,
    lines_between,
    start_of_run,
    unmarked_lines,
)
from grayswan_core.untrusted.spelling import Anchor, Kind, anchors, without
from grayswan_core.untrusted.ticks import few_words

__all__ = ["Piece", "split", "unmarked"]

_Span: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text, without marks, and whether it is untrusted."""

    text: str
    untrusted: bool


def split(text: str) -> list[Piece]:
    """The parts of a text in order, trusted and untrusted, without any mark.

    A text without marks costs one scan, and is one trusted piece.
    """
    found = anchors(text)
    pieces: list[Piece] = []
    place = 0
    for start, end in _disjoint(_untrusted(text, found)):
        if place < start:
            pieces.append(Piece(text[place:start], untrusted=False))
        first = bisect_left(found, start, key=itemgetter(1))
        last = bisect_right(found, end, key=itemgetter(2))
        pieces.append(Piece(without(text, found[first:last], start, end), untrusted=True))
        place = end
    if place < len(text) or not pieces:
        pieces.append(Piece(text[place:], untrusted=False))
    return pieces


def unmarked(text: str) -> str:
    """A text that is untrusted as a whole, without its marks.

    A character of its own that is like a tick stays, if it is not where ticks are put.
    """
    found = anchors(text)
    if not found:
        return text
    pairs = _Pairs(text, found)
    marks = [*pairs.lone()]
    for first, last in pairs.blocks:
        marks += found[first : last + 1]
    for run in _runs(text, pairs):
        if any(mark.kind in _ENDS for mark in run.marks) or is_regular(text, run.marks):
            marks += run.marks
    return without(text, sorted(marks, key=itemgetter(1)), 0, len(text))


_ENDS = (Kind.OPEN, Kind.CLOSE)
_LIGHT_ENDS = (Kind.LIGHT_OPEN, Kind.LIGHT_CLOSE)


def _untrusted(text: str, found: Sequence[Anchor]) -> Iterator[_Span]:
    """Where the text is untrusted, in no order; spans may overlap."""
    if not found:
        return
    pairs = _Pairs(text, found)
    yield from pairs.spans()
    for mark in pairs.lone():
        yield (mark.start, len(text)) if mark.kind is Kind.LIGHT_OPEN else (0, mark.end)
    for run in _runs(text, pairs):
        yield start_of_run(text, run.marks, run.after), end_of_run(text, run.marks, run.before)


def _disjoint(spans: Iterable[_Span]) -> Iterator[_Span]:
    """The spans in order, those that overlap as one."""
    start = end = 0
    for first, last in sorted(spans):
        if first < end:
            end = max(end, last)
            continue
        if start < end:
            yield start, end
        start, end = first, last
    if start < end:
        yield start, end


class _Pairs:
    """The marks of a text that have both ends, and what is between them.

    A stretch `n` is the text between `found[n]` and `found[n + 1]`.
    """

    def __init__(self, text: str, found: Sequence[Anchor]) -> None:
        self.found = found
        self._closing = _closing_marks(found)
        self.blocks = list(_disjoint(self._closing.items()))
        """First and last marks of pairs, those that overlap as one, in order."""
        self._apart = self._lines_apart(text)

    def spans(self) -> Iterator[_Span]:
        """Where the text is untrusted because it is between two ends."""
        apart = sorted(self._apart)
        for first, last in self.blocks:
            start = self.found[first].start
            for index in apart[bisect_left(apart, first) : bisect_left(apart, last)]:
                end, next_start = self._apart[index]
                yield start, end
                start = next_start
            yield start, self.found[last].end

    def lone(self) -> Iterator[Anchor]:
        """The marks without ticks that have lost their other end."""
        paired = {*self._closing, *self._closing.values()}
        return (
            mark
            for index, mark in enumerate(self.found)
            if mark.id and mark.kind in _LIGHT_ENDS and index not in paired
        )

    def _lines_apart(self, text: str) -> dict[int, _Span]:
        """The lines that are not the text's between pieces of it, by the stretch they are in."""
        ticked = [p for p in self._closing.items() if self.found[p[0]].kind is Kind.OPEN]
        light = [p for p in self._closing.items() if self.found[p[0]].kind is not Kind.OPEN]
        apart = dict(self._candidates(text, list(_disjoint(ticked)), list(_disjoint(light))))
        stretches = sorted(apart)
        budget = _MOST_COMPARED * len(text)
        for first, last in ticked if apart else ():
            inside = stretches[bisect_left(stretches, first) : bisect_left(stretches, last)]
            if not inside:
                continue
            budget -= self.found[last].end - self.found[first].start
            if budget < 0 or self._is_whole(text, first, last):
                for index in inside:
                    apart.pop(index, None)
        return apart

    def _candidates(
        self, text: str, ticked: Sequence[_Span], light: Sequence[_Span]
    ) -> Iterator[tuple[int, _Span]]:
        starts = [mark.start for mark in self.found] if ticked else []
        for first, last in ticked:
            for place in unmarked_lines(text, self.found[first].end, self.found[last].start):
                index = bisect_left(starts, place) - 1
                lines = lines_between(text, self.found[index], self.found[index + 1])
                if lines is not None and not _is_inside(light, index):
                    yield index, lines

    def _is_whole(self, text: str, first: int, last: int) -> bool:
        """Whether a marked text is as it was marked, as its ID tells."""
        marks = self.found[first : last + 1]
        name = marks[0].id
        return is_genuine(name) and is_id_of(
            name, without(text, marks, marks[0].start, marks[-1].end)
        )


def _is_inside(spans: Sequence[_Span], index: int) -> bool:
    """Whether a stretch is inside of one of the spans, which are in order."""
    place = bisect_right(spans, (index, sys.maxsize)) - 1
    return place >= 0 and spans[place][0] <= index < spans[place][1]


# How often at most a text is compared with IDs, on average: pairs may be inside of each other.
_MOST_COMPARED = 4


def _closing_marks(found: Sequence[Anchor]) -> dict[int, int]:
    """For each opening mark, by index, the first closing mark after it that is its own.

    Of two opening marks with one ID, as when a text is there twice and once without its end, the
    closing mark after them is the second one's.
    """
    closing: dict[int, int] = {}
    latest: dict[tuple[Kind, str], int] = {}
    for index, mark in reversed([each for each in enumerate(found) if each[1][3]]):
        if mark.kind in (Kind.CLOSE, Kind.LIGHT_CLOSE):
            latest[mark.kind, mark.id] = index
            continue
        own = Kind.CLOSE if mark.kind is Kind.OPEN else Kind.LIGHT_CLOSE
        if (own, mark.id) in latest:
            closing[index] = latest.pop((own, mark.id))
    return closing


class _Run(NamedTuple):
    """Marks that stand together outside of pairs.

    Attributes:
        marks: The marks.
        after: Where the mark before them ends.
        before: Where the mark after them begins.
    """

    marks: list[Anchor]
    after: int
    before: int


def _runs(text: str, pairs: _Pairs) -> Iterator[_Run]:
    found, first, after = pairs.found, 0, 0
    for begin, end in (*pairs.blocks, (len(found), len(found))):
        before = found[begin].start if begin < len(found) else len(text)
        yield from _runs_between(text, found[first:begin], after, before)
        if begin < len(found):
            first, after = end + 1, found[end].end


def _runs_between(text: str, found: Sequence[Anchor], after: int, before: int) -> Iterator[_Run]:
    """The runs of a part of the text without pairs, which ends at these marks."""
    marks: list[Anchor] = []
    end = after
    for mark in found:
        if mark.kind is Kind.CHARACTER:
            continue
        is_lone = mark.kind in _LIGHT_ENDS
        if marks and (is_lone or not _is_near(text, marks[-1], mark)):
            yield _Run(marks, after, mark.start)
            marks, after = [], end
        if is_lone:
            after = mark.end
        else:
            marks.append(mark)
        end = mark.end
    if marks:
        yield _Run(marks, after, before)


def _is_near(text: str, mark: Anchor, following: Anchor) -> bool:
    """Whether two neighbouring marks may be of one text."""
    if mark.kind is Kind.CLOSE or following.kind is Kind.OPEN:
        return False
    between = text[mark.end : following.start]
    return not between or (few_words(between) and lines_between(text, mark, following) is None)
