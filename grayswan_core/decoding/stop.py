"""Stop sequences, which the API lacks: found here, also across chunks. Sans-I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from grayswan_core.errors import InvalidRequestError

__all__ = ["StopFilter", "normalize_stop", "truncate"]


def normalize_stop(stop: str | Sequence[str] | None) -> tuple[str, ...]:
    """The stop sequences as a tuple; one string is one sequence.

    Raises:
        InvalidRequestError: a sequence is empty or not a string.
    """
    sequences: tuple[object, ...] = (stop,) if isinstance(stop, str) else tuple(stop or ())
    for sequence in sequences:
        if not (isinstance(sequence, str) and sequence):
            raise InvalidRequestError(
                f"A stop sequence is a string of at least one character, not {sequence!r}."
            )
    return cast("tuple[str, ...]", sequences)


def truncate(text: str, stop: Sequence[str]) -> tuple[str, bool]:
    """The text before the first stop sequence, and whether there was one.

    The first is the one that is complete first, so a text gives the same result in one piece
    and in many; of two that end together, the longer.
    """
    places = [(text.find(sequence), len(sequence)) for sequence in stop]
    found = [(place + length, place) for place, length in places if place >= 0]
    return (text[: min(found)[1]], True) if found else (text, False)


class StopFilter:
    """Cuts a text that arrives in pieces at its first stop sequence.

    It holds back only what may still turn out to begin one: the longest end of the text so far
    that is a beginning of a sequence.
    """

    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = stop
        self._held = ""
        self.stopped = False

    def feed(self, piece: str) -> str:
        """The text that is now certain to come before any stop sequence."""
        if self.stopped:
            return ""
        text, self.stopped = truncate(self._held + piece, self._stop)
        keep = 0 if self.stopped else self._begun(text)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def flush(self) -> str:
        """The text held back, once no more will come."""
        held, self._held = self._held, ""
        return held

    def _begun(self, text: str) -> int:
        """How many characters at the end of the text may begin a stop sequence."""
        longest = min(max(map(len, self._stop), default=0) - 1, len(text))
        for length in range(longest, 0, -1):
            end = text[-length:]
            if any(sequence.startswith(end) for sequence in self._stop):
                return length
        return 0
