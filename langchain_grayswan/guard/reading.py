"""LangChain messages as the monitor reads them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ToolMessage,
)

from grayswan_core.cygnal.window import monitor_messages, monitor_role
from grayswan_core.decoding.tool_calls import past_call
from grayswan_core.wire import MonitorMessage, ToolCall
from langchain_grayswan.guard.refusing import is_refused_input, placeholder, removed_result
from langchain_grayswan.messages import speaker_of

__all__ = ["DIALECT", "made_calls", "read", "read_all"]


def read_all(messages: Iterable[BaseMessage]) -> list[MonitorMessage]:
    """A conversation as the monitor reads it."""
    return [each for message in messages for each in read(message)]


def read(message: BaseMessage, *, text: bool = True, calls: bool = True) -> list[MonitorMessage]:
    """A message as the monitor reads it.

    Args:
        message: Any message of LangChain's.
        text: Whether its text is read, of an assistant's message.
        calls: Whether its calls are.
    """
    if isinstance(message, AIMessage):
        content = _assistant_content(message) if text else ""
        return monitor_messages("ai", content, tool_calls=made_calls(message) if calls else ())
    if isinstance(message, ToolMessage):
        return monitor_messages("tool", message.content, tool_call_id=message.tool_call_id)
    return monitor_messages(speaker_of(message), message.content)


def made_calls(message: BaseMessage) -> list[ToolCall]:
    """The calls of a message, those whose arguments cannot be parsed included."""
    if not isinstance(message, AIMessage):
        return []
    return [
        past_call(call["id"], call["name"], call["args"])
        for call in (*message.tool_calls, *message.invalid_tool_calls)
    ]


def _assistant_content(message: AIMessage) -> list[str | dict[str, Any]]:
    """Everything in a response that somebody may come to read, thoughts included."""
    content = message.content
    blocks: list[str | dict[str, Any]] = [content] if isinstance(content, str) else [*content]
    known = {"tool_calls"} if made_calls(message) else set()
    # Where integrations keep what has no place in the content, such as what a model thought.
    beside = {
        key: value for key, value in message.additional_kwargs.items() if value and key not in known
    }
    if beside:
        blocks.append("\n" + json.dumps(beside, ensure_ascii=False, default=str))
    return blocks


class _Dialect:
    """LangChain's messages, for the review of a conversation."""

    read = staticmethod(read)
    made_calls = staticmethod(made_calls)
    is_refused_input = staticmethod(is_refused_input)
    placeholder = staticmethod(placeholder)
    removed = staticmethod(removed_result)

    @staticmethod
    def is_user(message: BaseMessage) -> bool:
        return monitor_role(speaker_of(message)) == "user"

    @staticmethod
    def is_data(message: BaseMessage) -> bool:
        return monitor_role(speaker_of(message)) == "tool"

    @staticmethod
    def is_plain_answer(message: BaseMessage) -> bool:
        return isinstance(message, AIMessage) and not made_calls(message)


DIALECT = _Dialect()
