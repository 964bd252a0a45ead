"""What a run gets from any model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic_core import to_jsonable_python

from grayswan_batch.failures import text_of

__all__ = ["Answer", "Model", "Usage", "plain"]


@dataclass
class Usage:
    """Tokens of all the calls that one answer took.

    Attributes:
        input_tokens: Of the prompts; None where the model says nothing.
        output_tokens: Of the answers.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None

    def add(self, input_tokens: Any, output_tokens: Any) -> None:
        """Count one call's tokens, where they are numbers."""
        if isinstance(input_tokens, int):
            self.input_tokens = (self.input_tokens or 0) + input_tokens
        if isinstance(output_tokens, int):
            self.output_tokens = (self.output_tokens or 0) + output_tokens

    @property
    def total(self) -> int | None:
        """Tokens of both; None where neither is known."""
        if self.input_tokens is None and self.output_tokens is None:
            return None
        return (self.input_tokens or 0) + (self.output_tokens or 0)


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        value: Text, or structured fields, as JSON.
        usage: What it cost.
        finish_reason: Why the model stopped.
        request_id: The API's name for the request.
        more: What else goes into its record, such as `tool_calls`.
    """

    value: Any
    usage: Usage = field(default_factory=Usage)
    finish_reason: str | None = None
    request_id: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


class Model(Protocol):
    """A model as a run asks it."""

    @property
    def takes_rows(self) -> bool:
        """Whether a row itself is what it is asked, unless there is a prompt."""

    async def ask(self, prompt: Any) -> Answer:
        """Answer one prompt: a string, a list of `Message`, or what the model itself takes.

        Raises:
            Exception: whatever the model raises.
        """

    def describe(self) -> Any:
        """What its answers depend on, as JSON without secrets."""


def plain(value: Any) -> Any:
    """Any value as JSON; what has no such form is its text."""
    try:
        return to_jsonable_python(value, fallback=text_of, inf_nan_mode="null")
    except (ValueError, RecursionError):  # bytes that are no text, or a value that holds itself
        return text_of(value)
