"""Which lines beside and between ticks belong to a marked text. Sans-I/O.

A marked text has a tick at the end of each line. So a line without any is not the text's, unless
lines were wrapped anew after it was marked. Wrapping fills lines: where it has ended one, the next
line's first word would not have fitted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from grayswan_core.untrusted.spelling import LEAD, Anchor, Kind
from grayswan_core.untrusted.ticks import WORDS_PER_TICK, few_words

__all__ = ["end_of_run", "is_regular", "lines_between", "start_of_run", "unmarked_lines"]

_NARROWEST = 25
"""Columns. Text that is wrapped to fewer is not recognised as wrapped."""

# The end of a line, also as JSON and Python's repr write it.
_LINE_END = re.compile(r"\n|\\n")
_BLANK = re.compile(r"(?:\s|\\+[nrt])*")
_WORDS = re.compile(rf"\S*(?:\s+\S+){{0,{WORDS_PER_TICK}}}")


_UNMARKED_LINE = re.compile(rf"\n(?=[^\n{LEAD}]*\n)[^\S\n]*\S")


def unmarked_lines(text: str, start: int, end: int) -> Iterator[int]:
    """Places in lines that have words and no mark, but for one that is escaped."""
    return (found.end() for found in _UNMARKED_LINE.finditer(text, start, end))


def lines_between(text: str, before: Anchor, after: Anchor) -> tuple[int, int] | None:
    """Where the lines are, between two neighbouring marks, that are not the marked text's."""
    start = text.find("\n", before.end, after.start)
    if start < 0:
        return None
    end = text.rfind("\n", before.end, after.start)
    between = text[start + 1 : end]
    if not between.strip():
        return None
    if few_words(between) and _may_be_wrapped(
        [_line_until(text, start), *between.split("\n"), _line_from(text, end + 1)]
    ):
        return None
    return start, end + 1


def start_of_run(text: str, run: Sequence[Anchor], after: int) -> int:
    """Where the run's text begins, not before the place `after`."""
    first = run[0]
    if first.kind is Kind.OPEN:
        return first.start
    if _kept_lines(text, run):
        after = _line_start(text, after, first.start)
    words = text[after : first.start].rsplit(maxsplit=WORDS_PER_TICK)
    return after + len(words[0]) if len(words) > WORDS_PER_TICK else after


def end_of_run(text: str, run: Sequence[Anchor], next_mark: int) -> int:
    """Where the run's text ends, not after the mark that comes next."""
    last = run[-1]
    if last.kind is Kind.CLOSE:
        return last.end
    if _kept_lines(text, run) and (line_end := _LINE_END.search(text, last.end, next_mark)):
        next_mark = line_end.start()
    words = _WORDS.match(text, last.end, next_mark)
    return words.end() if words else last.end


def is_regular(text: str, run: Sequence[Anchor]) -> bool:
    """Whether ticks stand as they were put, so that they are no characters of the text's own."""
    return (
        len(run) > 1
        and all(tick.end - tick.start <= _LONGEST_TICK or tick.end == len(text) for tick in run)
        and all(
            text[tick.start - 1 : tick.start].strip() and _is_next(text, previous, tick)
            for previous, tick in pairwise(run)
        )
    )


_LONGEST_TICK = len("☴:")


def _is_next(text: str, previous: Anchor, tick: Anchor) -> bool:
    if text.startswith(":", previous.end - 1):  # inside a word
        return True
    between = text[previous.end : tick.start]
    words = len(between.split(maxsplit=WORDS_PER_TICK))
    if between.lstrip(" \t\r").startswith("\n"):
        return words == 1 or _ends_line(text, tick)
    if "\n" in between or not 0 < words <= WORDS_PER_TICK:
        return False
    return words == WORDS_PER_TICK or _ends_line(text, tick)


def _ends_line(text: str, tick: Anchor) -> bool:
    following = _BLANK.match(text, tick.end)
    place = following.end() if following else tick.end
    return place == len(text) or "\n" in text[tick.end : place]


def _kept_lines(text: str, run: Sequence[Anchor]) -> bool:
    """Whether the run's lines are as they were when the text was marked, for all one can see."""
    if not _LINE_END.search(text, run[0].end, run[-1].start):
        return True
    is_wrapped = False
    for anchor, following in pairwise(run):
        blank = _BLANK.match(text, anchor.end, following.start)
        line_end = _LINE_END.search(text, blank.end() if blank else anchor.end, following.start)
        if line_end is None:
            continue
        if line_end[0] != "\n":
            return False
        here, beyond = line_end.span()
        if not _may_be_wrapped([_line_until(text, here), _line_from(text, beyond)]):
            return True
        is_wrapped = True
    return not is_wrapped


def _may_be_wrapped(lines: Sequence[str]) -> bool:
    """Whether each of the lines but the last is as full as lines are that were wrapped."""
    width = max(_NARROWEST, *map(len, lines))
    return all(
        following.strip() and len(line) + 1 + len(_first_chunk(following)) > width
        for line, following in pairwise(lines)
    )


_CHUNK = re.compile(r"\s*[^\s-]*-?")


def _first_chunk(line: str) -> str:
    """What wrapping would have put on the line before: a word, or as much as ends in a hyphen."""
    found = _CHUNK.match(line.lstrip())
    return found[0] if found else ""


def _line_until(text: str, end: int) -> str:
    return text[text.rfind("\n", 0, end) + 1 : end]


def _line_from(text: str, start: int) -> str:
    end = text.find("\n", start)
    return text[start : end if end >= 0 else len(text)]


def _line_start(text: str, after: int, before: int) -> int:
    """Where the last line between two places begins."""
    real = text.rfind("\n", after, before)
    escaped = text.rfind(r"\n", after, before)
    return max(after, real + 1, after if escaped < 0 else escaped + 2)
