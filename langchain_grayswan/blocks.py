"""Blocks of content as text: which are sent, which stay behind, and which are refused.

A conversation may have been begun with another model, whose messages hold blocks of that
provider's own. `STAYS_BEHIND` lists those of an assistant's message that hold no text of the
message itself; they are left out, as the model's thoughts are. What is on no list is refused.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from grayswan_core import UnsupportedContentError
from grayswan_core.wire import Role

__all__ = ["CALLS", "STAYS_BEHIND", "Block", "joined_text"]

Block = str | dict[str, Any]

CALLS = frozenset({"tool_use", "tool_call", "function_call"})
"""Blocks in which the providers write the calls of an assistant's message into its content."""

STAYS_BEHIND = CALLS | {
    # LangChain's own
    "citation",
    "invalid_tool_call",
    "non_standard",
    "non_standard_annotation",
    "reasoning",
    "server_tool_call",
    "server_tool_call_chunk",
    "server_tool_result",
    "tool_call_chunk",
    # Anthropic's
    "bash_code_execution_tool_result",
    "code_execution_tool_result",
    "compaction",
    "input_json_delta",
    "mcp_tool_result",
    "mcp_tool_use",
    "redacted_thinking",
    "server_tool_use",
    "text_editor_code_execution_tool_result",
    "thinking",
    "tool_search_tool_result",
    "web_fetch_tool_result",
    "web_search_tool_result",
    # OpenAI's
    "apply_patch_call",
    "apply_patch_call_output",
    "code_interpreter_call",
    "computer_call",
    "custom_tool_call",
    "file_search_call",
    "image_generation_call",
    "item_reference",
    "local_shell_call",
    "local_shell_call_output",
    "mcp_approval_request",
    "mcp_approval_response",
    "mcp_call",
    "mcp_list_tools",
    "shell_call",
    "shell_call_output",
    "tool_search_call",
    "tool_search_output",
    "web_search_call",
    # Google's
    "code_execution_result",
    "executable_code",
    "function_call_signature",
    "thought",
    "thought_signature",
    # Mistral's and Cohere's
    "document_citation",
    "reference",
    "tool_reference",
    # Bedrock's
    "citations_content",
    "reasoning_content",
}
"""Blocks of an assistant's message that hold none of its text."""

# Bedrock's marks for its cache, in messages of any role.
_CACHE_POINTS = frozenset({"cachePoint", "cache_point"})

# What makes media of a dict that a tool returned; any other dict is the tool's data.
_MEDIA = frozenset({"base64", "data", "file_data", "file_id", "image_url", "source", "url"})
_NESTED_MEDIA = frozenset({"audio", "file", "image", "input_audio", "video"})


def joined_text(content: str | Sequence[Block], role: Role, owner: str) -> str:
    """The text of a message's content.

    Blocks are joined by line breaks, so that they do not run together. Those of an assistant are
    not: they are the pieces of one text, as they were streamed.

    Args:
        content: A text, or blocks.
        role: The role that the text is sent in.
        owner: The kind of message, for errors.

    Raises:
        UnsupportedContentError: a block cannot be sent as text.
    """
    if isinstance(content, str):
        return content
    texts = (_text(block, role, owner) for block in content)
    return ("" if role == "assistant" else "\n").join(filter(None, texts))


def _text(block: Block, role: Role, owner: str) -> str:
    if isinstance(block, str):
        return block
    kind = _kind(block)
    if kind == "text" or (kind is None and _is_text_alone(block, role)):
        text = block.get("text")
        return "" if text is None else str(text)
    if kind in _CACHE_POINTS or not _CACHE_POINTS.isdisjoint(block):
        return ""
    if role == "assistant" and kind in STAYS_BEHIND:
        return ""
    if role == "assistant" and kind == "refusal":
        return str(block.get("refusal") or "")
    if role == "tool" and not _is_media(block):
        return json.dumps(block, ensure_ascii=False, default=str)
    raise UnsupportedContentError(
        f"Cygnet reads text only: a block of type {kind!r} in a {owner} cannot be sent. Put its"
        " text in a block of type 'text', or leave it out."
    )


def _is_text_alone(block: dict[str, Any], role: Role) -> bool:
    """Whether a block without a type is text. What a tool returned may be data that has a text."""
    return set(block) == {"text"} if role == "tool" else "text" in block


def _kind(block: dict[str, Any]) -> str | None:
    """The block's type. What a tool returned may have anything there."""
    kind = block.get("type")
    return kind if isinstance(kind, str) else None


def _is_media(block: dict[str, Any]) -> bool:
    kind = _kind(block)
    inner = block.get(kind) if kind in _NESTED_MEDIA else None
    holders = (block, inner if isinstance(inner, dict) else {})
    return any(not _MEDIA.isdisjoint(holder) for holder in holders)
