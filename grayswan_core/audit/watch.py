"""An audit: notes what comes in from outside, and looks for it in what models are sent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TypeAlias

from typing_extensions import Self

from grayswan_core.audit.callers import calling_line
from grayswan_core.audit.canaries import Canary
from grayswan_core.audit.records import (
    TRUSTED_ROLES,
    UNTRUSTED_ROLES,
    Finding,
    Kind,
    Model,
    Sent,
    Source,
)
from grayswan_core.audit.report import Report
from grayswan_core.untrusted.finder import MAX_WORDS, Finder, Found
from grayswan_core.untrusted.folding import printable
from grayswan_core.untrusted.marks import may_have_marks, without_marks
from grayswan_core.untrusted.spans import split

__all__ = ["Advice", "Attach", "Audit"]

Attach: TypeAlias = Callable[["Audit"], AbstractContextManager[None]]
Advice: TypeAlias = Callable[[Source, Sent, Model], str]
_Key: TypeAlias = tuple[int, str, str, tuple[str, ...], bool]

_MOST_CLEAN = 100_000
_LOADED = 0.5  # of the index: loaded documents are many, and only what is retrieved of them matters


class Audit:
    """What was seen while it was open. It may be used from any number of threads.

    Open it with `with` or `async with`; while it is open it sees the whole process.

    Args:
        attach: Each attaches it to a framework.
        own: Texts of the program's own, such as its prompts, that are never findings.
        canaries: Whether harmless attacks are put among what is retrieved.
        max_words: How many words are kept to compare with, at about 110 bytes each.
    """

    def __init__(
        self,
        attach: Sequence[Attach] = (),
        *,
        own: Iterable[str] = (),
        canaries: bool = False,
        max_words: int = MAX_WORDS,
    ) -> None:
        if isinstance(own, str):
            raise TypeError("own is a list of texts. Pass own=[text].")
        if max_words < 1:
            raise ValueError(f"max_words has to be at least 1; got {max_words}.")
        self._attach = attach
        self._stack = ExitStack()
        self._lock = threading.RLock()
        self._finder = Finder(max_words)
        self._sources: list[Source] = []
        self._known: set[int] = set()
        self._own: set[int] = set()
        self._clean: set[int] = set()
        self._found: dict[_Key, _Tally] = {}
        self._models: dict[str, int] = {}
        self._unseen: dict[str, int] = {}
        self._failures: dict[str, int] = {}
        self._seeded = self._obeyed = 0
        self.canary = Canary() if canaries else None
        for text in own:
            self.note_own(text)

    def __enter__(self) -> Self:
        """Attach it to the frameworks."""
        with ExitStack() as stack:
            for attach in self._attach:
                stack.enter_context(attach(self))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Detach it. What was seen stays."""
        self._stack.close()

    async def __aenter__(self) -> Self:
        """Attach it to the frameworks."""
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        """Detach it."""
        self.__exit__()

    def note_source(self, kind: Kind, name: str, texts: Iterable[str]) -> bool:
        """Note a text from outside, given as its parts; whether one of them is new."""
        with self._lock:
            new = [self._note_part(kind, name, text) for text in texts]
        return any(new)

    def note_own(self, text: str) -> None:
        """Note a text that the program has before anything else is read."""
        with self._lock:
            if self._is_new(self._own, text):
                self._finder.add_own(text)

    def note_written(self, text: str) -> None:
        """Note what a model wrote."""
        if not text:
            return
        with self._lock:
            self._finder.add_written(text)
            if self.canary and self.canary.stands_in(text):
                self._obeyed += 1

    def note_conversation(self, said: Iterable[tuple[str | None, Iterable[str]]]) -> None:
        """Note what tools returned and a model wrote in a conversation that is passed in.

        After a result that no tool brought meanwhile, the conversation is one of before, and the
        model wrote what it says there.

        Args:
            said: The texts of each message in turn, and whose result they are; None is the model.
        """
        is_of_before = False
        for tool, texts in said:
            if tool is not None:
                is_of_before |= self.note_source("tool result", tool, texts)
            elif is_of_before:
                for text in texts:
                    self.note_written(text)

    def note_document(self, kind: Kind, name: str, texts: Iterable[str]) -> None:
        """Note a document from outside, or a canary among such, given as its parts."""
        texts = list(texts)
        is_canary = self.canary is not None and any(map(self.canary.stands_in, texts))
        self.note_source("canary" if is_canary else kind, name, texts)

    def seed(self, found: object, texts: Iterable[str], make: Callable[[str], object]) -> None:
        """Put a canary among what a retriever found, which it hands out as this very list.

        Args:
            found: The list; nothing else can be added to.
            texts: Its texts. There is to be one canary.
            make: Makes the framework's object of a canary's text.
        """
        if self.canary is None or not isinstance(found, list):
            return
        if not any(map(self.canary.stands_in, texts)):
            found.append(make(self.canary.text))
            with self._lock:
                self._seeded += 1

    def note_unseen(self, what: str) -> None:
        """Note something that could not be looked at."""
        with self._lock:
            what = printable(what)
            self._unseen[what] = self._unseen.get(what, 0) + 1

    def look_through(
        self, model: Model, sent: Iterable[Sent], through: tuple[str, ...], advice: Advice
    ) -> None:
        """Look for texts from outside in what a model is sent."""
        with self._lock:
            self._models[model.name] = self._models.get(model.name, 0) + 1
            sent = list(sent)
            for each in sent:
                self._note_what_says_so(each)
            for each in sent:
                if each.role in TRUSTED_ROLES and each.text:
                    self._look_at(each, model, through, advice)
                elif each.role not in TRUSTED_ROLES | UNTRUSTED_ROLES:
                    self.note_unseen(f"a message in the role {each.role!r}")

    @contextmanager
    def guarded(self, what: str) -> Iterator[None]:
        """Keep an error of the audit's own from the program, and in the report."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the program is not to fail by being looked at
            with self._lock:
                failure = printable(f"{what}: {type(error).__name__}: {error}")
                self._failures[failure] = self._failures.get(failure, 0) + 1

    def report(self) -> Report:
        """What was seen so far."""
        with self._lock:
            found = [tally.finding() for tally in self._found.values()]
            quoted = [key[-1] for key in self._found]
            return Report(
                findings=[
                    each for each, is_quoted in zip(found, quoted, strict=True) if not is_quoted
                ],
                quoted=[each for each, is_quoted in zip(found, quoted, strict=True) if is_quoted],
                sources=list(self._sources),
                models=dict(self._models),
                not_looked_at=dict(self._unseen),
                failures=list(self._failures),
                canaries_seeded=self._seeded,
                canaries_obeyed=self._obeyed,
            )

    def assert_clean(self) -> None:
        """Fail unless models were called, text came in from outside, and none of it leaked.

        Raises:
            AssertionError: see `Report.assert_clean`.
        """
        self.report().assert_clean()

    def _note_part(self, kind: Kind, name: str, text: str) -> bool:
        text = without_marks(text)
        if not self._is_new(self._known, text):
            return False
        number = len(self._sources)
        room = _LOADED if kind == "loaded document" else 1.0
        noted = self._finder.add_source(number, text, room=room)
        if not noted.words:
            return False
        name = printable(name)  # which a document may have given itself
        self._sources.append(Source(number, kind, name, noted.words, calling_line()))
        if noted.too_short:
            self.note_unseen("a text from outside that is too short to be told from chance")
        if noted.left_out and kind != "loaded document":
            self._failures[f"{name}: more words than max_words has room for"] = noted.left_out
        return True

    def _note_what_says_so(self, sent: Sent) -> None:
        """Note text that is known to be from outside by its role or its marks."""
        if sent.role == "data":
            self._note_part("document", "a data message", sent.text)
        elif may_have_marks(sent.text):
            for piece in split(sent.text):
                if piece.untrusted:
                    self._note_part("document", "marked text", piece.text)

    def _look_at(self, sent: Sent, model: Model, through: tuple[str, ...], advice: Advice) -> None:
        if not self._is_new(self._clean, sent.text, takes_marks=model.takes_marks):
            return
        for text in _trusted_parts(sent.text, model):
            for hit in self._finder.find(text):
                self._tally(hit, sent, model, through, advice)
                self._clean.discard(_mark_of(sent.text, takes_marks=model.takes_marks))
            self._finder.add_own(text)

    def _tally(
        self, hit: Found, sent: Sent, model: Model, through: tuple[str, ...], advice: Advice
    ) -> None:
        key = (hit.source, sent.role, model.name, through, hit.quoted)
        tally = self._found.get(key)
        if tally is None:
            source = self._sources[hit.source]
            change = advice(source, sent, model)
            sent = sent._replace(place=printable(sent.place))
            tally = self._found[key] = _Tally(source, sent, model, through, hit.excerpt, change)
        tally.add(hit.places)

    @staticmethod
    def _is_new(known: set[int], text: str, *, takes_marks: bool = True) -> bool:
        mark = _mark_of(text, takes_marks=takes_marks)
        if mark in known:
            return False
        if len(known) >= _MOST_CLEAN:
            known.clear()
        known.add(mark)
        return True


def _mark_of(text: str, *, takes_marks: bool) -> int:
    return hash((text, takes_marks))


def _trusted_parts(text: str, model: Model) -> Collection[str]:
    """What of a text the model is sent in its role: all, or what is not marked."""
    if not model.takes_marks:
        return [text]
    return [piece.text for piece in split(text) if not piece.untrusted and piece.text]


class _Tally:
    """One finding while it is counted."""

    def __init__(
        self,
        source: Source,
        sent: Sent,
        model: Model,
        through: tuple[str, ...],
        excerpt: str,
        change: str,
    ) -> None:
        self._about = (source, sent.role, sent.place, model.name, through, calling_line(), excerpt)
        self._change = change
        self._covered = bytearray(source.words)
        self._calls = 0

    def add(self, places: Iterable[int]) -> None:
        """Count a call."""
        self._calls += 1
        for place in places:
            self._covered[place] = 1

    def finding(self) -> Finding:
        """As it stands."""
        words = sum(self._covered)
        return Finding(
            *self._about,
            words=words,
            share=words / len(self._covered),
            calls=self._calls,
            change=self._change,
        )
