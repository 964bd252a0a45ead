"""Refusals, as LangChain's standard content block of type `refusal`.

LangChain infers no refusal from a finish reason, so a response that the API withheld looks like
any other text, and structured output made of it like no output. `register_translator` lets a
package define `content_blocks` of the messages whose `response_metadata["model_provider"]` is its
own: a message that ended with `content_filter` or `violation`, or that has the API's `refusal`,
shows a refusal block with its text.
"""

from __future__ import annotations

from typing import Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.block_translators import register_translator
from langchain_core.messages.content import ContentBlock

from grayswan_core.wire import REFUSALS
from langchain_grayswan.chunks import ResponseChunk, block_index, call_block

__all__ = ["PROVIDER", "content_of", "refusal_in", "register_refusals"]

PROVIDER = "grayswan"
"""The value of `response_metadata["model_provider"]`."""


def register_refusals() -> None:
    """Register how LangChain makes `content_blocks` of this provider's messages."""
    register_translator(PROVIDER, _blocks, _chunk_blocks)


def content_of(
    text: str | None, refusal: str | None, finish_reason: str | None
) -> tuple[str, dict[str, Any]]:
    """The `content` and the `additional_kwargs` of a message.

    The API may repeat a refusal as text, before or after it: it is one refusal all the same.
    """
    if not refusal or (refusal == text and finish_reason in REFUSALS):
        return text or "", {}
    return text or refusal, {"refusal": refusal}


def refusal_in(message: BaseMessage) -> dict[str, Any] | None:
    """The refusal block of a message, or None.

    A message that LangChain has put together from blocks, as `stream_events(version="v3")` does,
    may lack the block or its text, which had been streamed as text. Then its finish reason tells.
    """
    blocks: list[Any] = [*message.content_blocks]
    found = next((block for block in blocks if block["type"] == "refusal"), None)
    if found is None and message.response_metadata.get("finish_reason") not in REFUSALS:
        return None
    return {"type": "refusal", "refusal": (found or {}).get("refusal") or str(message.text)}


def _blocks(message: AIMessage) -> list[ContentBlock]:
    return [*_said(message), *_made_calls(message)]


def _chunk_blocks(message: AIMessageChunk) -> list[ContentBlock]:
    if isinstance(message, ResponseChunk) and isinstance(message.content, list):
        return cast("list[ContentBlock]", message.content)
    if message.chunk_position == "last":
        return _blocks(message)
    return [*_said(message), *_calls_so_far(message)]


def _said(message: AIMessage) -> list[Any]:
    """The text and the refusal."""
    if not isinstance(message.content, str):
        raise NotImplementedError  # LangChain reads lists of blocks on its own
    text, refusal = message.content, message.additional_kwargs.get("refusal")
    if refusal is None and message.response_metadata.get("finish_reason") not in REFUSALS:
        return [_text(text)] if text else []
    block = {"type": "refusal", "refusal": refusal or text}
    return [block] if not text or text == block["refusal"] else [_text(text), block]


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _made_calls(message: AIMessage) -> list[Any]:
    calls = map(call_block, message.tool_calls)
    return [*calls, *map(call_block, message.invalid_tool_calls)]


def _calls_so_far(message: AIMessageChunk) -> list[Any]:
    return [
        {
            "type": "tool_call_chunk",
            "id": call["id"],
            "name": call["name"],
            "args": call["args"],
            "index": block_index(call["index"]),
        }
        for call in message.tool_call_chunks
    ]
