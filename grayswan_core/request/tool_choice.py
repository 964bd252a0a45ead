"""The frameworks' many ways to choose a tool, as the API's three. Pure functions.

The API knows `none`, `auto` and one tool by name. It has no "some tool, whichever": with one tool
on offer that tool is chosen by name, and with several the choice is left open. Either way the
choice `is_required`, and `completion` sees to it that a call comes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from grayswan_core.errors import InvalidRequestError
from grayswan_core.wire import NamedToolChoice, ToolChoice

__all__ = [
    "REQUIRED",
    "ResolvedToolChoice",
    "forbids_parallel_calls",
    "resolve_tool_choice",
    "unwrap_tool_choice",
]

REQUIRED: Literal["required"] = "required"

_SOME_TOOL = frozenset({"any", "required"})
_WORDS = frozenset({"auto", "none", *_SOME_TOOL})

# Of Google and OpenAI: only some of the tools on offer may be called.
_NARROWS = frozenset({"allowed_function_names", "tools"})


class ResolvedToolChoice(NamedTuple):
    """A tool choice in the API's terms.

    Attributes:
        sent: What is sent; None leaves the field out.
        is_required: Whether some tool has to be called, whichever the model likes.
    """

    sent: ToolChoice | None
    is_required: bool = False


def resolve_tool_choice(choice: object, tool_names: Sequence[str]) -> ResolvedToolChoice:
    """A framework's tool choice in the API's terms.

    Args:
        choice: `None` or `False` (not given), `"auto"`, `"none"`, `"any"`, `"required"` or
            `True` (some tool), a tool's name, or an object that holds one of these in a form of
            OpenAI's, Anthropic's, Bedrock's or Google's.
        tool_names: The names of the tools on offer.

    Raises:
        InvalidRequestError: the choice is none of these, or names a tool that is not on offer.
    """
    match unwrap_tool_choice(choice):
        case None | False:
            return ResolvedToolChoice(None)
        case True:
            return _some_tool(tool_names)
        case str(word) if word in tool_names:
            return ResolvedToolChoice(NamedToolChoice.of(word))
        case "none" | "auto" as word:
            return ResolvedToolChoice(word if tool_names else None)
        case str(word) if word in _SOME_TOOL:
            return _some_tool(tool_names)
    raise InvalidRequestError(
        f"tool_choice={choice!r} names no tool on offer. Use 'auto', 'none', 'any' or one of"
        f" {list(tool_names)}."
    )


def _some_tool(tool_names: Sequence[str]) -> ResolvedToolChoice:
    distinct = set(tool_names)
    if not distinct:
        raise InvalidRequestError("A tool call is required, but there are no tools on offer.")
    sent: ToolChoice = NamedToolChoice.of(distinct.pop()) if len(distinct) == 1 else "auto"
    return ResolvedToolChoice(sent, is_required=True)


def forbids_parallel_calls(choice: object) -> bool:
    """Whether a choice in Anthropic's form asks for one call at most."""
    return isinstance(choice, Mapping) and bool(choice.get("disable_parallel_tool_use"))


def unwrap_tool_choice(choice: object) -> object:
    """The word or the tool's name inside another provider's choice; other values as they are.

    Raises:
        InvalidRequestError: it is an object in no known form.
    """
    if isinstance(choice, NamedToolChoice):
        return choice.function.name
    if not isinstance(choice, Mapping):
        return choice
    unwrapped = _name_in(choice) or _word_in(choice)
    if unwrapped is None:
        raise InvalidRequestError(
            f"tool_choice={choice!r} cannot be sent: the API has no such choice. Use 'auto',"
            " 'none', 'any' or the name of one tool."
        )
    return unwrapped


def _name_in(choice: Mapping[str, Any]) -> str | None:
    """The tool that is named: by OpenAI's `function`, Bedrock's `tool`, Anthropic's `name`."""
    for holder in (choice.get("function"), choice.get("tool"), choice):
        name = holder.get("name") if isinstance(holder, Mapping) else None
        if isinstance(name, str):
            return name
    return None


def _word_in(choice: Mapping[str, Any]) -> str | None:
    """The word: Anthropic's `type`, Google's `mode`, or the one key of Bedrock's."""
    google = choice.get("function_calling_config", choice)
    if not isinstance(google, Mapping) or not _NARROWS.isdisjoint(google):
        return None
    bedrock = next(iter(choice)) if len(choice) == 1 else None
    word = google.get("mode") or google.get("type") or bedrock
    text = str(getattr(word, "value", word) or "").lower()  # Google's is an enum, in capitals
    return text if text in _WORDS else None
