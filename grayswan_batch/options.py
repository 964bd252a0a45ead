"""The options of a run, their defaults, and what is checked of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from typing_extensions import TypedDict

from grayswan_batch.errors import InputError
from grayswan_batch.limiter import DEFAULT_IN_FLIGHT, Limiter
from grayswan_batch.prompts import PromptLike

__all__ = ["RunOptions", "checked_options"]


class RunOptions(TypedDict, total=False):
    """The options of `run` and `arun`, all of them optional.

    Attributes:
        prompt: What the model is asked: a column's name, a template with `{column}`, a list of
            (role, template) with the roles `system`, `user`, `assistant` and `data`, or a
            function of the row. Unless given, the column `prompt`; for a chain, the row itself.
        id: The column that names a row. Unless given, a hash of the row with its occurrence
            number.
        schema: A pydantic class (or what else the model takes) that answers are instances of.
        keep: Columns that are copied into the records, as `row`.
        resume: Whether to go on with an output that is there. Rows that have an answer are not
            asked again; rows that failed are.
        requests_per_second: Never go faster. Unless given, as fast as the API takes requests.
        tokens_per_minute: The API's limit on tokens, where it has one.
        max_in_flight: The most rows under way at once (256), which bounds memory too.
        limiter: One that is shared with other runs, instead of the three above.
        max_failures: Stop when more rows failed: a count, or a share such as 0.05.
        max_tokens_total: Stop before this run's tokens exceed it.
        max_wait: Stop when the API lets nothing pass for so many seconds (900); None waits.
        max_row_size: The longest line of a file in bytes, and the longest prompt in characters
            (16 Mi).
        progress: Whether to show how far it is, on stderr. Unless given, a bar in a terminal, a
            line a minute elsewhere.
    """

    prompt: PromptLike
    id: str | None
    schema: Any
    keep: Sequence[str]
    resume: bool
    requests_per_second: float | None
    tokens_per_minute: float | None
    max_in_flight: int
    limiter: Limiter | None
    max_failures: float | None
    max_tokens_total: int | None
    max_wait: float | None
    max_row_size: int
    progress: bool | None


_DEFAULTS: RunOptions = {
    "prompt": None,
    "id": None,
    "schema": None,
    "keep": (),
    "resume": False,
    "requests_per_second": None,
    "tokens_per_minute": None,
    "max_in_flight": DEFAULT_IN_FLIGHT,
    "limiter": None,
    "max_failures": None,
    "max_tokens_total": None,
    "max_wait": 900.0,
    "max_row_size": 16 * 1024 * 1024,
    "progress": None,
}

_KINDS: dict[str, tuple[Any, str]] = {
    "id": (str, "the name of a column"),
    "keep": ((list, tuple), "a list of columns"),
    "requests_per_second": ((int, float), "a number"),
    "tokens_per_minute": ((int, float), "a number"),
    "max_in_flight": (int, "a whole number"),
    "limiter": (Limiter, "a Limiter"),
    "max_failures": ((int, float), "a number"),
    "max_tokens_total": (int, "a whole number"),
    "max_wait": ((int, float, type(None)), "a number of seconds"),
    "max_row_size": (int, "a whole number"),
}

_OF_A_LIMITER = ("requests_per_second", "tokens_per_minute", "max_in_flight")


def checked_options(given: Mapping[str, Any]) -> RunOptions:
    """What was given, and the defaults of the rest.

    Raises:
        InputError: there is no such option, or two exclude each other.
    """
    for name in given:
        if name not in _DEFAULTS:
            close = get_close_matches(name, _DEFAULTS, 1)
            hint = f"Did you mean {close[0]!r}?" if close else f"Available: {', '.join(_DEFAULTS)}."
            raise InputError(f"Unknown option {name!r}. {hint}")
    if given.get("limiter") is not None and any(given.get(name) for name in _OF_A_LIMITER):
        raise InputError(f"A limiter that is passed has its own {', '.join(_OF_A_LIMITER)}.")
    options: Any = {**_DEFAULTS, **given}
    if isinstance(options["keep"], str):
        options["keep"] = [options["keep"]]
    for name, (kinds, what) in _KINDS.items():
        value = options[name]
        if isinstance(value, bool) or not isinstance(value, (kinds, type(_DEFAULTS.get(name)))):
            raise InputError(f"{name} is {what}, not {value!r}.")
    if options["max_in_flight"] < 1 or options["max_row_size"] < 1:
        raise InputError("max_in_flight and max_row_size are at least 1.")
    if not all(isinstance(each, str) for each in options["keep"]):
        raise InputError(f"keep is a list of columns, not {options['keep']!r}.")
    checked: RunOptions = options
    return checked
