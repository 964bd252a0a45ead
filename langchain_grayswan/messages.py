"""LangChain messages to turns, and answers to LangChain messages. Field mapping only.

Which Cygnet role a turn gets is not decided here but in `grayswan_core.roles`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages import ToolCall as LangChainToolCall
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import (
    ToolCallChunk,
    invalid_tool_call,
    tool_call,
    tool_call_chunk,
)

from grayswan_core import ToolCall, Turn, UnsupportedContentError, Usage
from grayswan_core.tool_calls import parse_arguments, past_call
from grayswan_core.wire import (
    ChatResponse,
    Choice,
    Chunk,
    ResponseToolCall,
    ToolCallDelta,
)

__all__ = ["PROVIDER", "ChunkReader", "DataMessage", "message_from_choice", "turns_from_messages"]

PROVIDER = "grayswan"
"""The value of `response_metadata["model_provider"]`."""


class DataMessage(ChatMessage):
    """Untrusted content: a web page, a document, a tool's output.

    The model reads it and typically follows no instructions found in it. Put it after the
    question it is about:

    ```python
    [HumanMessage("What does the page say?"), DataMessage(page)]
    ```
    """

    role: Literal["data"] = "data"

    @classmethod
    def lc_id(cls) -> list[str]:
        """Serialized as the `ChatMessage` it is, so that `langchain_core.load` knows it."""
        return ChatMessage.lc_id()


def turns_from_messages(messages: Sequence[BaseMessage]) -> list[Turn]:
    """What the messages say, in the core's terms.

    Raises:
        UnsupportedContentError: a message, or a block in one, cannot be sent to Cygnet.
    """
    return [_turn(message) for message in messages]


def _turn(message: BaseMessage) -> Turn:
    match message:
        case SystemMessage():
            return Turn("system", _text(message))
        case HumanMessage():
            return Turn("user", _text(message))
        case AIMessage():
            return Turn("assistant", _text(message), tool_calls=_tool_calls(message))
        case ToolMessage():
            return Turn("tool", _text(message), tool_call_id=message.tool_call_id)
        case ChatMessage():
            return Turn(message.role, _text(message))
    raise UnsupportedContentError(
        f"A {type(message).__name__} cannot be sent to Cygnet. Use SystemMessage, HumanMessage,"
        " AIMessage, ToolMessage or DataMessage."
    )


def _text(message: BaseMessage) -> str:
    if isinstance(message.content, str):
        return message.content
    return "".join(_block_text(block, message) for block in message.content)


# Blocks an assistant's message carries beside its text. Its calls are read from `tool_calls`,
# and what a model thought is no part of what it said.
_BESIDE_TEXT = frozenset(
    {"tool_use", "tool_call", "function_call", "invalid_tool_call", "input_json_delta"}
    | {"thinking", "redacted_thinking", "reasoning"}
)


def _block_text(block: str | dict[str, Any], message: BaseMessage) -> str:
    if isinstance(block, str):
        return block
    kind = block.get("type")
    if kind == "text":
        return str(block["text"])
    if isinstance(message, AIMessage):
        if kind in _BESIDE_TEXT:
            return ""
        if kind == "refusal":
            return str(block.get("refusal", ""))
    raise UnsupportedContentError(
        f"Cygnet reads text only: a block of type {kind!r} in a {type(message).__name__} cannot"
        " be sent. Put its text in a block of type 'text', or leave it out."
    )


def _tool_calls(message: AIMessage) -> tuple[ToolCall, ...]:
    """The calls in the order they were made in; bad arguments go back as they came."""
    calls = (*message.tool_calls, *message.invalid_tool_calls)
    return tuple(past_call(call["id"], call["name"], call["args"]) for call in calls)


def message_from_choice(choice: Choice, response: ChatResponse) -> AIMessage:
    """One answer as LangChain keeps it."""
    calls, invalid = _parsed_calls(choice.message.tool_calls or ())
    metadata = {**_metadata(response), "finish_reason": choice.finish_reason}
    return AIMessage(
        content=choice.message.content or choice.message.refusal or "",
        tool_calls=calls,
        invalid_tool_calls=invalid,
        id=response.id or None,
        response_metadata=metadata,
        usage_metadata=_usage(response.usage),
    )


def _parsed_calls(
    calls: Sequence[ResponseToolCall],
) -> tuple[list[LangChainToolCall], list[InvalidToolCall]]:
    parsed: list[LangChainToolCall] = []
    invalid: list[InvalidToolCall] = []
    for call in calls:
        name, text = call.function.name, call.function.arguments
        try:
            parsed.append(tool_call(name=name, args=parse_arguments(text), id=call.id))
        except ValueError as error:
            invalid.append(invalid_tool_call(name=name, args=text, id=call.id, error=str(error)))
    return parsed, invalid


def _metadata(source: ChatResponse | Chunk) -> dict[str, Any]:
    metadata: dict[str, Any] = {"model_name": source.model, "model_provider": PROVIDER}
    if source.system_fingerprint:
        metadata["system_fingerprint"] = source.system_fingerprint
    return metadata


def _usage(usage: Usage | None) -> UsageMetadata | None:
    if usage is None:
        return None
    return UsageMetadata(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
    )


class ChunkReader:
    """Turns the chunks of one stream into LangChain's.

    LangChain adds chunks up: texts are joined and counts are summed. So what is said once about
    the whole answer goes on one chunk only, and usage that comes again counts what is new in it.
    """

    def __init__(self) -> None:
        self._begun = False
        self._counted = Usage()

    def read(self, chunk: Chunk) -> AIMessageChunk:
        """One chunk as LangChain keeps it."""
        message = AIMessageChunk(content="", id=chunk.id or None)
        if not self._begun:
            self._begun = True
            message.response_metadata = _metadata(chunk)
        for choice in chunk.choices:
            delta = choice.delta
            message.content = delta.content or delta.refusal or ""
            if delta.tool_calls:
                message = self._with_calls(message, delta.tool_calls)
            if choice.finish_reason:
                message.response_metadata["finish_reason"] = choice.finish_reason
        if chunk.usage is not None:
            message.usage_metadata = self._new_usage(chunk.usage)
        return message

    def _with_calls(
        self, message: AIMessageChunk, deltas: Sequence[ToolCallDelta]
    ) -> AIMessageChunk:
        return AIMessageChunk(
            content=message.content,
            id=message.id,
            response_metadata=message.response_metadata,
            tool_call_chunks=[_call_chunk(delta) for delta in deltas],
        )

    def _new_usage(self, usage: Usage) -> UsageMetadata:
        before, self._counted = self._counted, usage
        return UsageMetadata(
            input_tokens=usage.prompt_tokens - before.prompt_tokens,
            output_tokens=usage.completion_tokens - before.completion_tokens,
            total_tokens=usage.total_tokens - before.total_tokens,
        )


def _call_chunk(delta: ToolCallDelta) -> ToolCallChunk:
    return tool_call_chunk(
        name=delta.function.name, args=delta.function.arguments, id=delta.id, index=delta.index
    )
