"""Where each part of a text comes from, told by the marks in it. Pure.

Between an opening mark and its closing mark everything is untrusted, exactly. Where a cut or a
rewrite has taken one of the two away, the ticks between them remain, and the code fails closed:
a run of marks with no more than `WORDS_PER_TICK` words from one to the next is untrusted, and so
is what stands before or after it in doubt: as many words, or as far as the line goes where the
run shows that lines were kept. So what is in doubt may take a few trusted words with it. What
can be left behind is a piece without any mark in it: no more words than that, cut out whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from grayswan_core.untrusted.marks import (
    WORDS_PER_TICK,
    Anchor,
    Kind,
    anchors,
    few_words,
    may_be_ours,
    without_marks,
)

__all__ = ["Piece", "split", "unmarked"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text, without marks, and whether it is untrusted."""

    text: str
    untrusted: bool


def split(text: str) -> list[Piece]:
    """The parts of a text in order, trusted and untrusted, without any mark.

    A text without marks costs one scan, and is one trusted piece.
    """
    pieces: list[Piece] = []
    place = 0
    for start, end in _untrusted_spans(text):
        if place < start:
            pieces.append(Piece(text[place:start], untrusted=False))
        pieces.append(Piece(without_marks(text[start:end]), untrusted=True))
        place = end
    if place < len(text) or not pieces:
        pieces.append(Piece(text[place:], untrusted=False))
    return pieces


def unmarked(text: str) -> str:
    """The text as it is sent: without marks, but with what merely looks like one."""
    return "".join(piece.text for piece in split(text))


def _untrusted_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the text is untrusted: starts and ends, in order, apart from each other."""
    found = anchors(text)
    closing = _closing_marks(found)
    index = end = 0
    while index < len(found):
        last = _last_of_pair(closing, index) or _last_of_run(text, found, index)
        run = found[index : last + 1]
        index = last + 1
        if not may_be_ours(run):
            continue
        next_mark = found[last + 1].start if last + 1 < len(found) else len(text)
        start, end = _start(text, run, end), _end(text, run, next_mark)
        yield start, end


def _closing_marks(found: Sequence[Anchor]) -> dict[int, int]:
    """For each opening mark that is whole, the first closing mark after it that is its own.

    Of two opening marks with one ID, as when a text is there twice and once without its end, the
    closing mark after them is the second one's.
    """
    closing: dict[int, int] = {}
    latest: dict[str, int] = {}
    for index in range(len(found) - 1, -1, -1):
        anchor = found[index]
        if _is_close(anchor):
            latest[anchor.id] = index
        elif _is_open(anchor) and anchor.id in latest:
            closing[index] = latest.pop(anchor.id)
    return closing


def _last_of_pair(closing: dict[int, int], first: int) -> int | None:
    """The mark that closes the first one, or a later one if another text begins in between."""
    last = closing.get(first)
    index = first
    while last is not None and index < last:
        index += 1
        last = max(last, closing.get(index, last))
    return last


def _last_of_run(text: str, found: Sequence[Anchor], first: int) -> int:
    """The last mark of the run that the first one begins."""
    last = first
    while last + 1 < len(found) and not _is_close(found[last]) and not _is_open(found[last + 1]):
        if not few_words(text[found[last].end : found[last + 1].start]):
            break
        last += 1
    return last


def _is_open(anchor: Anchor) -> bool:
    return anchor.kind is Kind.OPEN and bool(anchor.id)


def _is_close(anchor: Anchor) -> bool:
    return anchor.kind is Kind.CLOSE and bool(anchor.id)


# The end of a line, also as JSON and Python's repr write it.
_LINE_END = re.compile(r"\n|\\n")
_BLANK = re.compile(r"(?:\s|\\+[nrt])*")
_WORDS = re.compile(rf"\S*(?:\s+\S+){{0,{WORDS_PER_TICK}}}")


def _start(text: str, run: Sequence[Anchor], after: int) -> int:
    """Where the run's text begins, not before the place `after`."""
    first = run[0]
    if _is_open(first):
        return first.start
    if _kept_lines(text, run):
        after = _line_start(text, after, first.start)
    words = text[after : first.start].rsplit(maxsplit=WORDS_PER_TICK)
    return after + len(words[0]) if len(words) > WORDS_PER_TICK else after


def _end(text: str, run: Sequence[Anchor], next_mark: int) -> int:
    """Where the run's text ends, not after the mark that comes next."""
    last = run[-1]
    if _is_close(last):
        return last.end
    if _kept_lines(text, run) and (line_end := _LINE_END.search(text, last.end, next_mark)):
        next_mark = line_end.start()
    words = _WORDS.match(text, last.end, next_mark)
    return words.end() if words else last.end


def _kept_lines(text: str, run: Sequence[Anchor]) -> bool:
    """Whether every line that ends between the marks ends with one, as when it was marked."""
    for anchor, following in pairwise(run):
        blank = _BLANK.match(text, anchor.end, following.start)
        line = blank.end() if blank else anchor.end
        if _LINE_END.search(text, line, following.start):
            return False
    return True


def _line_start(text: str, after: int, before: int) -> int:
    """Where the last line between two places begins."""
    real = text.rfind("\n", after, before)
    escaped = text.rfind(r"\n", after, before)
    return max(after, real + 1, after if escaped < 0 else escaped + 2)
