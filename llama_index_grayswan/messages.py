"""LlamaIndex messages to turns, and answers to LlamaIndex messages. Field mapping only.

Which Cygnet role a turn gets is not decided here but in `grayswan_core.roles`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.base.llms.types import (
    CachePoint,
    ChatMessage,
    ChatResponse,
    ContentBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from grayswan_core import ChatResponse as CygnetResponse
from grayswan_core import Chunk, ToolCall, Turn, UnsupportedContentError
from grayswan_core.tool_calls import ToolCallAssembler, past_call
from grayswan_core.wire import ResponseToolCall

__all__ = [
    "ChunkReader",
    "data_message",
    "empty_response",
    "response_from_cygnet",
    "turns_from_messages",
]

_ROLE_MARK = "grayswan_role"


def data_message(text: str, **metadata: Any) -> ChatMessage:
    """A message of untrusted content: a web page, a document, a tool's output.

    The model reads it and typically follows no instructions found in it. Put it after the
    question it is about. It is a plain `ChatMessage` of the role `tool`, so that formatting,
    memories, JSON and pickle keep it, with a mark among its `additional_kwargs`; a provider
    that does not know the mark refuses it rather than trust it.

    Args:
        text: The content.
        metadata: What else to remember of it, such as its source. It is not sent.
    """
    return ChatMessage(
        role=MessageRole.TOOL,
        content=text,
        additional_kwargs={**metadata, _ROLE_MARK: "data"},
    )


def turns_from_messages(messages: Sequence[ChatMessage]) -> list[Turn]:
    """What the messages say, in the core's terms.

    Raises:
        UnsupportedContentError: a block of a message cannot be sent to Cygnet.
    """
    return [_turn(message) for message in messages]


def _turn(message: ChatMessage) -> Turn:
    kwargs = message.additional_kwargs
    speaker = "data" if kwargs.get(_ROLE_MARK) == "data" else message.role.value
    return Turn(
        speaker=speaker,
        text=_text(message.blocks),
        tool_calls=_tool_calls(message),
        tool_call_id=kwargs.get("tool_call_id"),
    )


# What an assistant's message carries beside its text: its calls are read by `_tool_calls`, and
# neither thoughts nor cache marks are part of what was said.
_BESIDE_TEXT = (ToolCallBlock, ThinkingBlock, CachePoint)


def _text(blocks: Sequence[ContentBlock]) -> str:
    """The text of the blocks, joined as `ChatMessage.content` joins it."""
    texts = []
    for block in blocks:
        if isinstance(block, TextBlock):
            texts.append(block.text)
        elif not isinstance(block, _BESIDE_TEXT):
            raise UnsupportedContentError(
                f"Cygnet reads text only: a {type(block).__name__} cannot be sent. Put its text"
                " in a TextBlock, or leave it out."
            )
    return "\n".join(texts)


def _tool_calls(message: ChatMessage) -> tuple[ToolCall, ...]:
    blocks = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    if blocks:
        return tuple(
            past_call(block.tool_call_id, block.tool_name, block.tool_kwargs) for block in blocks
        )
    mirrored = message.additional_kwargs.get("tool_calls") or ()
    return tuple(ToolCall.model_validate(_as_mapping(call)) for call in mirrored)


def _as_mapping(call: Any) -> Mapping[str, Any]:
    """A tool call as a mapping of the wire's fields; other providers keep objects."""
    fields = call if isinstance(call, Mapping) else call.model_dump()
    return {name: fields[name] for name in ("id", "type", "function")}


def response_from_cygnet(response: CygnetResponse) -> ChatResponse:
    """An answer as LlamaIndex keeps it: the first choice as the message, all of it in `raw`."""
    message = response.choices[0].message
    text = message.content or message.refusal or ""
    return _response(text, message.tool_calls or [], response.model_dump())


def empty_response() -> ChatResponse:
    """An answer that says nothing: LlamaIndex expects at least one of every stream."""
    return _response("", [], {"usage": None}, delta="")


class ChunkReader:
    """Turns the chunks of one stream into LlamaIndex's: each holds the answer so far."""

    def __init__(self) -> None:
        self.begun = False
        self._text = ""
        self._calls = ToolCallAssembler()

    def read(self, chunk: Chunk) -> ChatResponse:
        """The answer so far, with what this chunk adds as `delta`."""
        self.begun = True
        delta = ""
        for choice in chunk.choices:
            delta += choice.delta.content or choice.delta.refusal or ""
            for call in choice.delta.tool_calls or ():
                self._calls.add(call)
        self._text += delta
        return _response(self._text, self._calls.calls(), chunk.model_dump(), delta=delta)


def _response(
    text: str, calls: list[ResponseToolCall], raw: dict[str, Any], *, delta: str | None = None
) -> ChatResponse:
    # Streamed structured output reads the calls among `additional_kwargs`; agents read the blocks.
    mirror = {"tool_calls": [call.model_dump() for call in calls]} if calls else {}
    return ChatResponse(
        message=ChatMessage(
            role=MessageRole.ASSISTANT,
            blocks=[TextBlock(text=text), *map(_call_block, calls)],
            additional_kwargs=mirror,
        ),
        delta=delta,
        raw=raw,
        additional_kwargs=_counts(raw.get("usage")),
    )


def _call_block(call: ResponseToolCall) -> ToolCallBlock:
    return ToolCallBlock(
        tool_call_id=call.id, tool_name=call.function.name, tool_kwargs=call.function.arguments
    )


def _counts(usage: dict[str, Any] | None) -> dict[str, Any]:
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    return {name: usage[name] for name in names} if usage else {}
