"""From a row to what the model is asked: a column, a template, messages, or a function.

A template's `{column}` is replaced with the column's value and with nothing else: no attribute
is looked up, and braces in a value mean nothing. Untrusted columns belong into a message of the
role `data`, which Cygnet does not take instructions from.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from grayswan_batch.errors import InputError, MissingColumnError
from grayswan_batch.rows import Row

__all__ = ["Message", "Prompt", "PromptLike", "compile_prompt"]

ROLES = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "data": "data",
}

PromptLike: TypeAlias = (
    str | Sequence[tuple[str, str]] | Sequence[Mapping[str, str]] | Callable[[Row], Any] | None
)
"""A column's name, a template, messages with templates, or a function of the row."""

_FIELD = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True)
class Message:
    """One message of a prompt.

    Attributes:
        role: `system`, `user`, `assistant` or `data`.
        text: What it says.
    """

    role: str
    text: str


class Prompt(Protocol):
    """Makes of a row what the model is asked."""

    def fill(self, row: Row) -> Any:
        """A string, a list of `Message`, or what the model itself takes.

        Raises:
            MissingColumnError: the row lacks a column.
        """

    @property
    def columns(self) -> list[str]:
        """The columns that each row must have."""

    def describe(self) -> Any:
        """What tells this prompt from another one, as JSON."""


def compile_prompt(prompt: PromptLike, *, whole_row: bool = False) -> Prompt:
    """Read what a caller passes as `prompt`.

    Args:
        prompt: As `run` takes it. None is the column `prompt`.
        whole_row: Whether None means the row itself, which is what a chain takes.

    Raises:
        InputError: it is none of the four, or a template that no row can change.
    """
    if prompt is None:
        return _WholeRow() if whole_row else _Column("prompt")
    if callable(prompt):
        return _Function(prompt)
    if isinstance(prompt, str):
        if "{" not in prompt and "}" not in prompt:
            return _Column(prompt)
        template = _Template(prompt)
        _require_columns(template.columns)
        return template
    if isinstance(prompt, Sequence):
        conversation = _Conversation([_message(each) for each in prompt])
        _require_columns(conversation.columns)
        return conversation
    raise InputError(
        "prompt is a column's name, a template with {column}, a list of (role, template), or a"
        f" function, not {type(prompt).__name__}."
    )


def _require_columns(columns: list[str]) -> None:
    if not columns:
        raise InputError("The prompt names no {column}, so every row would be asked the same.")


class _WholeRow:
    columns: list[str] = []  # noqa: RUF012 - nobody changes it

    def fill(self, row: Row) -> Any:
        return row

    def describe(self) -> Any:
        return None


class _Column:
    def __init__(self, name: str) -> None:
        self._name = name
        self.columns = [name]

    def fill(self, row: Row) -> Any:
        return _text(_value(row, self._name))

    def describe(self) -> Any:
        return self._name


class _Template:
    def __init__(self, template: str) -> None:
        self._template = template
        self._parts = list(_parts(template))
        self.columns = [name for _, name in self._parts if name is not None]

    def fill(self, row: Row) -> str:
        return "".join(
            text if name is None else text + _text(_value(row, name)) for text, name in self._parts
        )

    def describe(self) -> Any:
        return self._template


class _Conversation:
    def __init__(self, messages: list[tuple[str, _Template]]) -> None:
        self._messages = messages
        self.columns = [name for _, template in messages for name in template.columns]

    def fill(self, row: Row) -> list[Message]:
        return [Message(role, template.fill(row)) for role, template in self._messages]

    def describe(self) -> Any:
        return [[role, template.describe()] for role, template in self._messages]


class _Function:
    columns: list[str] = []  # noqa: RUF012 - nobody changes it

    def __init__(self, function: Callable[[Row], Any]) -> None:
        self._function = function

    def fill(self, row: Row) -> Any:
        filled = self._function(row)
        if isinstance(filled, Sequence) and not isinstance(filled, str):
            return [_written(each) for each in filled]
        return filled

    def describe(self) -> Any:
        name = getattr(self._function, "__qualname__", type(self._function).__qualname__)
        try:
            source = inspect.getsource(self._function)
        except (OSError, TypeError):  # typed at a prompt, or an instance with `__call__`
            return f"function {name}"
        return f"function {name} {hashlib.sha256(source.encode()).hexdigest()[:16]}"


def _parts(template: str) -> list[tuple[str, str | None]]:
    """Pairs of literal text and the column after it, the last without one."""
    parts: list[tuple[str, str | None]] = []
    text, end = "", 0
    for found in _FIELD.finditer(template):
        text += template[end : found.start()]
        end = found.end()
        if found[0] in ("{{", "}}"):
            text += found[0][0]
        elif found[1] is None:
            raise InputError(
                f"The prompt has a single {found[0]!r} at {found.start()}: write {{{{ or }}}} for"
                " a brace."
            )
        elif not found[1].strip():
            raise InputError("The prompt has {} without a column's name.")
        else:
            parts.append((text, found[1].strip()))
            text = ""
    return [*parts, (text + template[end:], None)]


def _message(message: Any) -> tuple[str, _Template]:
    written = _written(message)
    if not isinstance(written, Message):
        raise InputError(f"A message is (role, template), not {type(message).__name__}.")
    return written.role, _Template(written.text)


def _written(message: Any) -> Any:
    """A pair or a dict as a `Message`; a framework's own message is left as it is."""
    if isinstance(message, Mapping):
        if set(message) != {"role", "content"}:
            raise InputError(f"A message has role and content, not {', '.join(map(str, message))}.")
        message = (message["role"], message["content"])
    if not isinstance(message, tuple):
        return message
    if len(message) != 2 or not all(isinstance(each, str) for each in message):  # noqa: PLR2004
        raise InputError("A message is a pair of strings: (role, template).")
    role = ROLES.get(message[0])
    if role is None:
        raise InputError(f"Unknown role {message[0]!r}. Available: {', '.join(ROLES)}.")
    return Message(role, message[1])


def _value(row: Row, name: str) -> Any:
    value = row.get(name)
    if value is None:
        has = "is empty" if name in row else f"is not among {', '.join(row) or 'no columns'}"
        raise MissingColumnError(f"The column {name!r} {has}.")
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)
