"""Which Cygnet role a turn gets: the one role policy, used by both adapters. Pure functions.

A turn is what a framework's message comes to once its fields are read. Who may give the model
instructions is decided here and nowhere else:

* `system`, `user` and `assistant` are trusted, and only the speakers named for them get there;
* what a tool returned is a `tool` message, correlated with its call, or `data` if so chosen;
* a tool's result that names no call of the conversation before it cannot be correlated, and the
  API would refuse it, so it is `data`;
* `data` is untrusted: the model reads it and does not follow it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from grayswan_core.decoding.tool_calls import escape_surrogates
from grayswan_core.errors import InvalidRequestError, UnsupportedContentError
from grayswan_core.request.turns import Turn, with_call_ids
from grayswan_core.wire import Message, Role

__all__ = ["ToolResultRole", "assign_roles", "role_of"]

ToolResultRole: TypeAlias = Literal["tool", "data"]

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "chatbot": "assistant",
    "model": "assistant",
    "data": "data",
    "tool": "tool",
    "function": "tool",
}

_WRITTEN_BY_HAND = frozenset({"system", "user"})


def role_of(speaker: str) -> Role:
    """The Cygnet role of a speaker.

    Raises:
        UnsupportedContentError: there is none.
    """
    try:
        return _ROLES[speaker]
    except KeyError:
        raise UnsupportedContentError(
            f"Cygnet has no role for a message by {speaker!r}. Use one of {', '.join(_ROLES)}."
        ) from None


def assign_roles(
    turns: Iterable[Turn], *, tool_result_role: ToolResultRole = "tool"
) -> list[Message]:
    """The messages to send.

    Args:
        turns: The conversation, oldest turn first.
        tool_result_role: The role of tool results that can be correlated with their call.

    Raises:
        InvalidRequestError: there is no turn.
        UnsupportedContentError: a speaker has no Cygnet role, or calls tools and is no assistant.
    """
    messages: list[Message] = []
    called: set[str] = set()
    for turn in with_call_ids(list(turns)):
        messages.append(_message(turn, tool_result_role, called))
        called.update(call.id for call in turn.tool_calls)
    if not messages:
        raise InvalidRequestError("There are no messages to send.")
    return messages


def _message(turn: Turn, tool_result_role: ToolResultRole, called: set[str]) -> Message:
    role = role_of(turn.speaker)
    if role == "tool":
        role = tool_result_role if turn.tool_call_id in called else "data"
    if turn.tool_calls and role != "assistant":
        raise UnsupportedContentError(
            f"Only an assistant's message can hold tool calls, and one of the role {role!r} does."
        )
    # A model may write half a character, and a tool may repeat it. In a user's text it is rejected.
    text = turn.text if role in _WRITTEN_BY_HAND else escape_surrogates(turn.text)
    return Message(
        role=role,
        content=text,
        tool_calls=list(turn.tool_calls) or None,
        tool_call_id=turn.tool_call_id if role == "tool" else None,
    )
