"""Messages on the wire as lines of text, with the attacker's words found in them; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Line", "Message", "Span", "holders", "messages", "shown_lines"]

_TRUSTED = ("system", "user", "assistant")
_MOST = 10
_PLACEHOLDER = re.compile(r"\[data \d+\]")


@dataclass(frozen=True)
class Message:
    """What one message says, in a role of the wire."""

    role: str
    text: str

    @property
    def trusted(self) -> bool:
        """Whether what stands here may instruct the model."""
        return self.role in _TRUSTED


@dataclass(frozen=True)
class Span:
    """A piece of a line: where it starts, in characters, and whether it is the attacker's.

    A `reference` stands where a text was taken out, and names the data message that has it.
    """

    start: int
    text: str
    hostile: bool = False
    reference: bool = False


@dataclass(frozen=True)
class Line:
    """A line as it is drawn; `elided` lines stand for some that are left out."""

    spans: tuple[Span, ...]
    elided: bool = False

    def __str__(self) -> str:
        return "".join(f"«{span.text}»" if span.hostile else span.text for span in self.spans)


def messages(wire: Sequence[Mapping[str, Any]]) -> list[Message]:
    """Messages of a request's body; calls of tools are written like code."""
    return [Message(each["role"], "\n".join(_said(each))) for each in wire]


def _said(message: Mapping[str, Any]) -> Iterator[str]:
    if message.get("content"):
        yield message["content"].strip("\n")
    for call in message.get("tool_calls") or ():
        arguments = json.loads(call["function"]["arguments"])
        given = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        yield f"→ {call['function']['name']}({given})"


def holders(said: Sequence[Message], attack: str) -> list[Message]:
    """The messages that hold some of the attacker's text."""
    return [message for message in said if any(_hostile(message.text, attack))]


def shown_lines(message: Message, attack: str, width: int) -> list[Line]:
    """The message as lines of at most `width` characters, with the dull middle left out."""
    hostile = _hostile(message.text, attack)
    places = list(_wrapped(message.text, width))
    kept = _kept(message.text, places, hostile)
    lines = []
    for number, (start, end) in enumerate(places):
        if number in kept:
            lines.append(Line(tuple(_spans(message.text, start, end, hostile))))
        elif number - 1 in kept:
            after = next((each for each in sorted(kept) if each > number), len(places))
            left_out = after - number
            words = f"⋯ {left_out} more line{'s' if left_out > 1 else ''}"
            lines.append(Line((Span(0, words),), elided=True))
    return lines


def _hostile(text: str, attack: str) -> list[bool]:
    """For each character whether it is the attacker's, however it is wrapped and in any case."""
    found = [False] * len(text)
    if attack:
        words = r"\s+".join(map(re.escape, attack.split()))
        for match in re.finditer(words, text, re.IGNORECASE):
            found[match.start() : match.end()] = [True] * len(match.group())
    return found


def _wrapped(text: str, width: int) -> Iterator[tuple[int, int]]:
    """Where each line starts and ends."""
    begin = 0
    for line in text.split("\n"):
        start, end = begin, begin + len(line)
        while end - start > width:
            space = text.rfind(" ", start + 1, start + width + 1)
            stop = space if space > start else start + width
            yield start, stop
            start = stop + (space > start)
        yield start, end
        begin = end + 1


def _kept(text: str, places: Sequence[tuple[int, int]], hostile: Sequence[bool]) -> set[int]:
    """Which lines to show: all of a few, else the ends and what the picture is about."""
    if len(places) <= _MOST:
        return set(range(len(places)))
    kept = {0, 1, len(places) - 2, len(places) - 1}
    for number, (start, end) in enumerate(places):
        if any(hostile[start:end]) or _PLACEHOLDER.search(text, start, end):
            kept |= {number - 1, number, number + 1} & set(range(len(places)))
    # A line is worth more than the word that it was left out.
    return kept | {each for each in range(len(places)) if {each - 1, each + 1} <= kept}


def _spans(text: str, start: int, end: int, hostile: Sequence[bool]) -> Iterator[Span]:
    for begin, stop in _runs(hostile[start:end]):
        whole = text[start + begin : start + stop]
        for piece in re.finditer(rf"{_PLACEHOLDER.pattern}|.+?(?={_PLACEHOLDER.pattern}|$)", whole):
            reference = bool(_PLACEHOLDER.fullmatch(piece.group()))
            yield Span(begin + piece.start(), piece.group(), hostile[start + begin], reference)


def _runs(values: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Where each run of one value starts and ends."""
    begin = 0
    for place in range(1, len(values) + 1):
        if place == len(values) or values[place] != values[begin]:
            yield begin, place
            begin = place
