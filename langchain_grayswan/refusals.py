"""Refusals, as LangChain's standard content block of type `refusal`.

LangChain infers no refusal from a finish reason, so an answer that the service withheld looks
like any other text, and structured output made of it like no output. `content_blocks` of a
message with `response_metadata["model_provider"] == "grayswan"` is what `register_translator`
lets a package decide: a message that ended with `content_filter` or `violation`, or that holds
the service's `refusal`, shows a refusal block with what was said.
"""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.block_translators import register_translator
from langchain_core.messages.content import ContentBlock

from grayswan_core.wire import REFUSALS

__all__ = ["PROVIDER", "refusal_in", "register_refusals"]

PROVIDER = "grayswan"
"""The value of `response_metadata["model_provider"]`."""


def register_refusals() -> None:
    """Tell LangChain how to read the messages of this provider."""
    register_translator(PROVIDER, _blocks, _chunk_blocks)


def refusal_in(message: BaseMessage) -> dict[str, Any] | None:
    """The refusal block of a message, or None.

    A message that LangChain has put together from blocks, as `stream_events(version="v3")` does,
    may lack the block or its words: they had gone out as text. Its finish reason tells.
    """
    blocks: list[Any] = [*message.content_blocks]
    found = next((block for block in blocks if block["type"] == "refusal"), None)
    if found is None and message.response_metadata.get("finish_reason") not in REFUSALS:
        return None
    return {"type": "refusal", "refusal": (found or {}).get("refusal") or str(message.text)}


def _blocks(message: AIMessage) -> list[ContentBlock]:
    return [*_said(message), *_made_calls(message)]


def _chunk_blocks(message: AIMessageChunk) -> list[ContentBlock]:
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
    # The service says a refusal in the text as well; it is one refusal all the same.
    return [block] if not text or text == block["refusal"] else [_text(text), block]


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _made_calls(message: AIMessage) -> list[Any]:
    return [
        {"type": "tool_call", "id": call["id"], "name": call["name"], "args": call["args"]}
        for call in message.tool_calls
    ]


def _calls_so_far(message: AIMessageChunk) -> list[Any]:
    # LangChain merges blocks by their index. A number would be taken for the text's.
    return [
        {
            "type": "tool_call_chunk",
            "id": call["id"],
            "name": call["name"],
            "args": call["args"],
            "index": f"lc_tool_call_{call['index']}",
        }
        for call in message.tool_call_chunks
    ]
