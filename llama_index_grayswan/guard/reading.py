"""LlamaIndex messages as the monitor reads them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ContentBlock,
    MessageRole,
    TextBlock,
    ToolCallBlock,
)

from grayswan_core import Judgement
from grayswan_core.cygnal.history import REMOVED_INPUT, REMOVED_RESULT
from grayswan_core.cygnal.window import monitor_messages
from grayswan_core.decoding.tool_calls import past_call
from grayswan_core.wire import MonitorMessage, ToolCall

__all__ = ["DIALECT", "content_of", "made_calls", "read"]

_ASSISTANTS = frozenset({MessageRole.ASSISTANT, MessageRole.CHATBOT, MessageRole.MODEL})
_DATA = frozenset({MessageRole.TOOL, MessageRole.FUNCTION})

# Among a message's `additional_kwargs`: what says who speaks and which call is meant.
_FRAME = frozenset({"grayswan_role", "tool_call_id", "tool_calls", "name", "session_id"})

_MEDIA = frozenset({"image", "audio", "video"})


def read(message: ChatMessage, *, text: bool = True, calls: bool = True) -> list[MonitorMessage]:
    """A message as the monitor reads it.

    Args:
        message: Any message.
        text: Whether its text is read, of an assistant's message.
        calls: Whether its calls are.
    """
    kwargs = message.additional_kwargs
    speaker = "data" if kwargs.get("grayswan_role") == "data" else message.role.value
    if message.role in _ASSISTANTS:
        content = [*map(content_of, message.blocks), *_beside(kwargs)] if text else []
        return monitor_messages("ai", content, tool_calls=made_calls(message) if calls else ())
    call_id = kwargs.get("tool_call_id")
    content = [content_of(block) for block in message.blocks]
    return monitor_messages(speaker, content, tool_call_id=str(call_id) if call_id else None)


def made_calls(message: ChatMessage) -> list[ToolCall]:
    """The calls of a message, also those that other integrations keep beside its blocks."""
    calls = [
        past_call(block.tool_call_id, block.tool_name, block.tool_kwargs)
        for block in message.blocks
        if isinstance(block, ToolCallBlock)
    ]
    known = {(call.id, call.function.name) for call in calls}
    beside = [_call_in(each) for each in message.additional_kwargs.get("tool_calls") or ()]
    return [*calls, *(call for call in beside if (call.id, call.function.name) not in known)]


def _call_in(value: Any) -> ToolCall:
    """A call in OpenAI's form, as a mapping or an object; of another form, all that it says."""
    plain = value.model_dump() if hasattr(value, "model_dump") else value
    function = plain.get("function") if isinstance(plain, Mapping) else None
    if not isinstance(function, Mapping):
        return past_call(None, "unknown", json.dumps(plain, default=str))
    return past_call(plain.get("id"), function.get("name"), function.get("arguments"))


def content_of(block: ContentBlock) -> str | dict[str, Any]:
    """A block as the monitor reads it; calls are read on their own."""
    if isinstance(block, TextBlock):
        return block.text
    if isinstance(block, ToolCallBlock):
        return ""
    if block.block_type in _MEDIA:
        return {"type": block.block_type}
    return {"type": block.block_type, **block.model_dump(mode="json", exclude={"block_type"})}


def _beside(kwargs: Mapping[str, Any]) -> Iterator[str]:
    """What a response holds beside its blocks, such as what the model thought."""
    said = {key: value for key, value in kwargs.items() if value and key not in _FRAME}
    if said:
        yield "\n" + json.dumps(said, ensure_ascii=False, default=str)


class _Dialect:
    """LlamaIndex's messages, for the review of a conversation."""

    read = staticmethod(read)
    made_calls = staticmethod(made_calls)

    @staticmethod
    def is_user(message: ChatMessage) -> bool:
        return message.role == MessageRole.USER and not _is_marked_data(message)

    @staticmethod
    def is_data(message: ChatMessage) -> bool:
        return message.role in _DATA or _is_marked_data(message)

    @staticmethod
    def is_refused_input(message: ChatMessage) -> bool:  # noqa: ARG004
        # Other integrations send whatever a message holds beside its blocks, so nothing is noted
        # there: a refused question is known by its verdict.
        return False

    @staticmethod
    def is_plain_answer(message: ChatMessage) -> bool:
        return message.role in _ASSISTANTS and not made_calls(message)

    @staticmethod
    def placeholder(message: ChatMessage) -> ChatMessage:
        return ChatMessage(role=message.role, content=REMOVED_INPUT)

    @staticmethod
    def removed(message: ChatMessage, judgement: Judgement) -> ChatMessage:
        text = REMOVED_RESULT.format(reasons=", ".join(judgement.reasons))
        kwargs = {key: message.additional_kwargs[key] for key in _kept(message.additional_kwargs)}
        return ChatMessage(role=message.role, content=text, additional_kwargs=kwargs)


def _is_marked_data(message: ChatMessage) -> bool:
    return message.additional_kwargs.get("grayswan_role") == "data"


def _kept(kwargs: Iterable[str]) -> list[str]:
    return [key for key in kwargs if key in ("grayswan_role", "tool_call_id", "name")]


DIALECT = _Dialect()
