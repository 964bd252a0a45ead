"""What an audit keeps: sources, what models are sent, and findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

__all__ = [
    "INSTRUCTIONS",
    "TRUSTED_ROLES",
    "UNTRUSTED_ROLES",
    "Finding",
    "Kind",
    "Model",
    "Sent",
    "Source",
]

Kind: TypeAlias = Literal[
    "retrieved document", "document", "loaded document", "tool result", "tool error", "canary"
]

TRUSTED_ROLES = frozenset({"system", "developer", "user", "assistant", "tool definition"})
"""Roles whose text may instruct a model."""

UNTRUSTED_ROLES = frozenset({"data", "tool", "function"})
"""Roles for text from outside."""

INSTRUCTIONS = ("system", "system_instruction", "system_prompt", "instructions")
"""Settings of a call by which some models take what others take as a system message."""


@dataclass(frozen=True, slots=True)
class Source:
    """A text from outside.

    Attributes:
        number: Its place among those that came in.
        kind: How it came in.
        name: The retriever, tool or loader that brought it, and what it calls the text.
        words: Its length.
        line: The line of the program that it was read for, `file:line`; empty where the stack does
            not show it, as in a task of its own.
    """

    number: int
    kind: Kind
    name: str
    words: int
    line: str = ""


class Model(NamedTuple):
    """A model that is called.

    Attributes:
        name: Its class.
        takes_marks: Whether it sends marked text as data.
    """

    name: str
    takes_marks: bool


class Sent(NamedTuple):
    """A text that a model is sent.

    Attributes:
        role: As `TRUSTED_ROLES` has it, or another.
        place: Which message it is, or which part of a tool's definition.
        text: The text.
    """

    role: str
    place: str
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A text from outside that a model was sent in a role which may instruct it.

    Attributes:
        source: The text.
        role: The role.
        place: Which message it was in, or which part of a tool's definition.
        model: The model's class.
        through: The chains or engines around the call, outermost first.
        line: The line of the program that made the call, `file:line`, where it is known.
        excerpt: The first words that were found.
        words: How many of the source's words were found, in all calls.
        share: The same as a share of the source, from 0 to 1.
        calls: In how many calls.
        change: What to change.
    """

    source: Source
    role: str
    place: str
    model: str
    through: tuple[str, ...]
    line: str
    excerpt: str
    words: int
    share: float
    calls: int
    change: str
