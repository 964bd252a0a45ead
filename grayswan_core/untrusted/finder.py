"""Finds where texts from outside stand in other texts. Sans-I/O.

Every run of eight words of a text is hashed once, in both texts; a run that both have is found by
looking up its hash (shingling). A word of more than 24 characters, as URLs and languages without
spaces have, is compared by its runs of 25 characters; one of thousands of ASCII characters is data
such as an image, and left out. A text of less than eight words that has 25 characters is found
where it stands whole; one of up to nine also where a quote or a tag touches its first and last
word. What is less than that cannot be told from chance.

Whoever brings a run first owns it. So what the program had before a text was read is never found
as that text's, and no list of exceptions is needed.

The cost is linear in the length of the texts. The index holds at most `max_words` runs, of about
110 bytes each; what has no room is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, count, islice, repeat

from grayswan_core.untrusted.folding import folded, plain, printable, variants, words_of

__all__ = ["MAX_WORDS", "RUN", "Finder", "Found", "Noted"]

RUN = 8
"""Words that have to stand together."""

_LONG = 25
MAX_WORDS = 1_000_000
_MOST_OWN_TEXT = 2_000_000
_EXCERPT_WORDS = 24
_LONGEST_WORD_SHOWN = 60
_LONGEST_ASCII = 4096
_BLOCK = 65_536
_OWN = -1
_SHIFT = 32
_PLACE = (1 << _SHIFT) - 1


@dataclass(frozen=True, slots=True)
class Noted:
    """What became of a text that is to be found.

    Attributes:
        words: Its length.
        left_out: How many of its words cannot be found, as the index is full.
        too_short: Whether it is too short to be told from chance.
    """

    words: int
    left_out: int = 0
    too_short: bool = False


@dataclass(slots=True)
class Found:
    """Where a text from outside stands in another.

    Attributes:
        source: Its number.
        places: Which of its words, by their index; each once.
        excerpt: The first words that were found, as they stand there.
        quoted: Whether a model had written these words before.
    """

    source: int
    places: set[int] = field(default_factory=set)
    excerpt: str = ""
    quoted: bool = False


class Finder:
    """An index of texts from outside, and of the program's own.

    Args:
        max_words: How many runs of words are kept.
    """

    def __init__(self, max_words: int = MAX_WORDS) -> None:
        self._max = max_words
        self._index: dict[int, int] = {}  # hash of a run -> source and place, or `_OWN`
        self._written: set[int] = set()
        self._has_long = False
        self._short: dict[str, set[int]] = {}  # lengths of texts found whole, by their first word
        self._own_texts: list[str] = []
        self._own_size = 0

    def add_source(self, source: int, text: str, *, room: float = 1.0) -> Noted:
        """Index a text from outside.

        Args:
            source: Its number, from 0.
            text: The text.
            room: The share of the index that it may fill, with all that is there.
        """
        words = plain(text)
        if len(words) < RUN and not _is_long(words):
            return Noted(len(words), too_short=bool(words))
        base = source << _SHIFT
        left = self._enter(_runs(words), count(base), room)
        if len(words) < RUN:
            left += self._add_short(words, base, room)
        if len(words) < RUN + 2:  # a quote or a tag may touch the first word and the last
            left += self._add_short(words[1:-1], base + 1, room)
        for place, word in _long(words):
            self._has_long = True
            left += self._enter(_grams(word), repeat(base + place), room)
        return Noted(len(words), left_out=left)

    def add_own(self, text: str) -> None:
        """Note a text of the program's own; what is in it and not known yet is never found."""
        words = plain(text)
        self._enter(_all_keys(words), repeat(_OWN), 1.0)
        self._remember(words)

    def add_written(self, text: str) -> None:
        """Note what a model wrote: where it is found later, the model is quoted."""
        words = plain(text)
        keys = chain(_all_keys(words), (key for _, _, key in self._short_runs(words)))
        free = max(0, self._max - len(self._written))
        self._written.update(islice(keys, free))
        self._enter(_all_keys(words), repeat(_OWN), 1.0)
        self._remember(words)

    def find(self, text: str) -> list[Found]:
        """The sources that stand in a text, each at most twice: as they are, and quoted."""
        found: dict[tuple[int, bool], Found] = {}
        known = self._index.keys()
        for variant in variants(text):
            shown = folded(variant)
            words = words_of(shown)
            if not known.isdisjoint(_runs(words)):
                self._collect(enumerate(_runs(words)), RUN, shown, found)
            for place, size, key in self._short_runs(words):
                self._collect([(place, key)], size, shown, found)
            for place, word in _long(words) if self._has_long else ():
                if not known.isdisjoint(_grams(word)):
                    self._collect(zip(repeat(place), _grams(word)), 1, shown, found)
        return list(found.values())

    def _collect(
        self,
        keys: Iterable[tuple[int, int]],
        size: int,
        shown: str,
        found: dict[tuple[int, bool], Found],
    ) -> None:
        """Add what the hashes of one text find; `keys` are pairs of a place and a hash."""
        for place, key in keys:
            value = self._index.get(key, _OWN)
            if value == _OWN:
                continue
            source, first = value >> _SHIFT, value & _PLACE
            quoted = key in self._written
            hit = found.get((source, quoted))
            if hit is None:
                excerpt = _excerpt(shown.split(), place)
                hit = found[source, quoted] = Found(source, excerpt=excerpt, quoted=quoted)
            hit.places.update(range(first, first + size))

    def _enter(self, keys: Iterator[int], values: Iterator[int], room: float) -> int:
        """Add what is not known yet; how many had no room."""
        left = 0
        most = int(self._max * room)
        while fresh := dict(zip(islice(keys, _BLOCK), values)):  # noqa: B905 - values have no end
            for known in fresh.keys() & self._index.keys():
                del fresh[known]
            free = max(0, most - len(self._index))
            if len(fresh) > free:
                left += len(fresh) - free
                fresh = dict(islice(fresh.items(), free))
            self._index.update(fresh)
        return left

    def _add_short(self, words: Sequence[str], place: int, room: float) -> int:
        """Index a short text as a whole, unless it is the program's own, or a model's.

        Without room to know, it is.
        """
        text = f" {' '.join(words)} "
        full = self._own_size >= _MOST_OWN_TEXT
        if not _is_long(words) or full or any(text in own for own in self._own_texts):
            return 0
        self._short.setdefault(words[0], set()).add(len(words))
        return self._enter(iter([hash(tuple(words))]), repeat(place), room)

    def _short_runs(self, words: Sequence[str]) -> Iterator[tuple[int, int, int]]:
        """Places, lengths and hashes of runs that may be short texts."""
        if self._short.keys().isdisjoint(words):
            return
        for place, word in enumerate(words):
            for size in self._short.get(word, ()):
                if place + size <= len(words):
                    yield place, size, hash(tuple(words[place : place + size]))

    def _remember(self, words: Sequence[str]) -> None:
        """Remember a text in which short ones may stand."""
        if self._own_size < _MOST_OWN_TEXT:
            self._own_texts.append(f" {' '.join(words)} ")
            self._own_size += len(self._own_texts[-1])


def _runs(words: Sequence[str]) -> Iterator[int]:
    return map(hash, zip(*(words[first:] for first in range(RUN)), strict=False))


def _is_long(words: Sequence[str]) -> bool:
    """Whether a text is long enough to be told from chance."""
    return sum(map(len, words)) + len(words) - 1 >= _LONG


def _long(words: Sequence[str]) -> Iterator[tuple[int, str]]:
    if max(map(len, words), default=0) < _LONG:
        return
    for place, word in enumerate(words):
        if len(word) >= _LONG and not (len(word) > _LONGEST_ASCII and word.isascii()):
            yield place, word


def _grams(word: str) -> Iterator[int]:
    return map(hash, (word[first : first + _LONG] for first in range(len(word) - _LONG + 1)))


def _all_keys(words: Sequence[str]) -> Iterator[int]:
    yield from _runs(words)
    for _, word in _long(words):
        yield from _grams(word)


def _excerpt(words: Sequence[str], place: int) -> str:
    """Words for people to see."""
    shown = (each[:_LONGEST_WORD_SHOWN] for each in words[place : place + _EXCERPT_WORDS])
    return printable(" ".join(shown)) + (" …" if place + _EXCERPT_WORDS < len(words) else "")
