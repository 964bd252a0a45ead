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

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import itemgetter
from typing import NamedTuple, TypeAlias

from grayswan_core.untrusted.ids import is_genuine, is_id_of
from grayswan_core.untrusted.lines import (
    end_of_run,
    is_regular,
    lines_between,
    start_of_run,
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
    place = index = 0
    for start, end in _disjoint(_untrusted(text, found)):
        if place < start:
            pieces.append(Piece(text[place:start], untrusted=False))
        while index < len(found) and found[index].start < start:
            index += 1
        first = index
        while index < len(found) and found[index].end <= end:
            index += 1
        pieces.append(Piece(without(text, found[first:index], start, end), untrusted=True))
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
    marks = [*pairs.inside(), *pairs.lone()]
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

    `found[n]` and `found[n + 1]` are neighbours; what is said of the stretch `n` is said of the
    text between them.
    """

    def __init__(self, text: str, found: Sequence[Anchor]) -> None:
        self.found = found
        self._closing = _closing_marks(found)
        ticked = [pair for pair in self._closing.items() if found[pair[0]].kind is Kind.OPEN]
        light = [pair for pair in self._closing.items() if found[pair[0]].kind is not Kind.OPEN]
        # How many pairs each stretch is inside of.
        self._depth = _depths(self._closing.items(), len(found))
        self._apart = self._lines_apart(text, ticked, _depths(light, len(found)))

    def spans(self) -> Iterator[_Span]:
        """Where the text is untrusted because it is between two ends."""
        start = -1
        for index, depth in enumerate(self._depth):
            if start < 0 < depth:
                start = self.found[index].start
            if depth and index in self._apart:
                first, last = self._apart[index]
                yield start, first
                start = last
            elif start >= 0 and not depth:
                yield start, self.found[index].end
                start = -1

    def inside(self) -> Iterator[Anchor]:
        """The marks that are ends of pairs, or between them."""
        return (mark for index, mark in enumerate(self.found) if self.has(index))

    def has(self, index: int) -> bool:
        """Whether a mark is an end of a pair, or between the two."""
        return bool(self._depth[index] or (index and self._depth[index - 1]))

    def lone(self) -> Iterator[Anchor]:
        """The marks without ticks that have lost their other end."""
        paired = {*self._closing, *self._closing.values()}
        return (
            mark
            for index, mark in enumerate(self.found)
            if mark.kind in _LIGHT_ENDS and index not in paired
        )

    def _lines_apart(
        self, text: str, ticked: Sequence[_Span], light: Sequence[int]
    ) -> dict[int, _Span]:
        """The lines that are not the text's between pieces of it, by the stretch they are in."""
        apart = {
            index: lines
            for index, depth in enumerate(self._depth)
            if depth and not light[index]
            for lines in [lines_between(text, self.found[index], self.found[index + 1])]
            if lines is not None
        }
        if not apart:
            return {}
        stretches = sorted(apart)
        budget = _MOST_COMPARED * len(text)
        for first, last in ticked:
            inside = stretches[bisect_left(stretches, first) : bisect_left(stretches, last)]
            if not inside:
                continue
            budget -= self.found[last].end - self.found[first].start
            if budget < 0 or self._is_whole(text, first, last):
                for index in inside:
                    apart.pop(index, None)
        return apart

    def _is_whole(self, text: str, first: int, last: int) -> bool:
        """Whether a marked text is as it was marked, as its ID tells."""
        marks = self.found[first : last + 1]
        name = marks[0].id
        return is_genuine(name) and is_id_of(
            name, without(text, marks, marks[0].start, marks[-1].end)
        )


# How often at most a text is compared with IDs, on average: pairs may be inside of each other.
_MOST_COMPARED = 4


def _closing_marks(found: Sequence[Anchor]) -> dict[int, int]:
    """For each opening mark, by index, the first closing mark after it that is its own.

    Of two opening marks with one ID, as when a text is there twice and once without its end, the
    closing mark after them is the second one's.
    """
    closing: dict[int, int] = {}
    latest: dict[tuple[Kind, str], int] = {}
    for index in range(len(found) - 1, -1, -1):
        mark = found[index]
        if mark.kind in (Kind.CLOSE, Kind.LIGHT_CLOSE):
            latest[mark.kind, mark.id] = index
        elif mark.kind in (Kind.OPEN, Kind.LIGHT_OPEN):
            own = Kind.CLOSE if mark.kind is Kind.OPEN else Kind.LIGHT_CLOSE
            if (own, mark.id) in latest:
                closing[index] = latest.pop((own, mark.id))
    return closing


def _depths(pairs: Iterable[_Span], length: int) -> list[int]:
    changes = [0] * length
    for first, last in pairs:
        changes[first] += 1
        changes[last] -= 1
    return list(accumulate(changes))


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
    marks: list[Anchor] = []
    after = end = 0
    for index, mark in enumerate(pairs.found):
        if mark.kind is Kind.CHARACTER:
            continue
        is_lone = pairs.has(index) or mark.kind in _LIGHT_ENDS
        if marks and (is_lone or not _is_near(text, marks[-1], mark)):
            yield _Run(marks, after, mark.start)
            marks, after = [], end
        if is_lone:
            after = mark.end
        else:
            marks.append(mark)
        end = mark.end
    if marks:
        yield _Run(marks, after, len(text))


def _is_near(text: str, mark: Anchor, following: Anchor) -> bool:
    """Whether two neighbouring marks may be of one text."""
    return (
        mark.kind is not Kind.CLOSE
        and following.kind is not Kind.OPEN
        and few_words(text[mark.end : following.start])
        and lines_between(text, mark, following) is None
    )
