"""The frameworks' many ways to choose a tool, as the service's three. Pure.

The service knows `none`, `auto` and one tool by name. It has no "some tool, whichever": with
one tool on offer that is the tool by name, with several it is `REQUIRED`, which is for the
caller to bring about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, cast

from grayswan_core.errors import InvalidRequestError
from grayswan_core.wire import NamedToolChoice

__all__ = ["REQUIRED", "ResolvedToolChoice", "resolve_tool_choice", "unwrap_tool_choice"]

REQUIRED: Literal["required"] = "required"

ResolvedToolChoice: TypeAlias = Literal["none", "auto", "required"] | NamedToolChoice | None


def resolve_tool_choice(choice: object, tool_names: Sequence[str]) -> ResolvedToolChoice:
    """What to send for a framework's tool choice.

    Args:
        choice: `None` or `False` (unsaid), `"auto"`, `"none"`, `"any"`, `"required"` or `True`
            (some tool), a tool's name, or an object that holds one of these in OpenAI's or
            Anthropic's form.
        tool_names: The names of the tools on offer.

    Raises:
        InvalidRequestError: the choice is none of these, or names a tool not on offer.
    """
    choice = unwrap_tool_choice(choice)
    if choice is None or choice is False:
        return None
    if choice in {"none", "auto"}:
        return cast("ResolvedToolChoice", choice) if tool_names else None
    if choice is True or choice in {"any", "required"}:
        return _some_tool(tool_names)
    if choice in tool_names:
        return NamedToolChoice.of(str(choice))
    raise InvalidRequestError(
        f"tool_choice={choice!r} names no tool on offer. Use 'auto', 'none', 'any' or one of"
        f" {list(tool_names)}."
    )


def _some_tool(tool_names: Sequence[str]) -> ResolvedToolChoice:
    distinct = set(tool_names)
    if not distinct:
        raise InvalidRequestError("A tool call is required, but there are no tools on offer.")
    return NamedToolChoice.of(distinct.pop()) if len(distinct) == 1 else REQUIRED


def unwrap_tool_choice(choice: object) -> object:
    """The word or name inside OpenAI's or Anthropic's choice objects, which may be neither."""
    if isinstance(choice, NamedToolChoice):
        return choice.function.name
    if not isinstance(choice, Mapping):
        return choice
    function: Any = choice.get("function")
    if isinstance(function, Mapping):
        return function.get("name")
    return choice.get("name") or choice.get("type")
