"""LlamaIndex messages to turns. Field mapping only.

Which Cygnet role a turn gets is not decided here but in `grayswan_core.request.roles`.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from llama_index.core.base.llms.types import (
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    ContentBlock,
    DocumentBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.schema import BaseNode, MetadataMode, NodeWithScore

from grayswan_core import InvalidRequestError, ToolCall, Turn, UnsupportedContentError
from grayswan_core.decoding.tool_calls import past_call
from grayswan_core.untrusted.values import mark_metadata, mark_untrusted
from llama_index_grayswan.tools import sent_name

__all__ = ["DataContent", "data_message", "is_data_message", "turns_from_messages"]

DataContent: TypeAlias = str | BaseNode | NodeWithScore | Sequence[str | BaseNode | NodeWithScore]
"""What a data message is made of."""

_ROLE_KEY = "grayswan_role"

# What LlamaIndex and its integrations read among a message's `additional_kwargs`.
_RESERVED = frozenset({_ROLE_KEY, "images", "tool_calls", "tool_call_id", "function_call"})


def data_message(content: DataContent, /, **metadata: Any) -> ChatMessage:
    """A message of untrusted content: a web page, a document, a tool's output.

    The model reads it and typically follows no instructions found in it. Put it after the
    question it is about. It is a plain `ChatMessage` of the role `tool`, so that formatting,
    memories, JSON and pickle keep it, with a key among its `additional_kwargs`; a provider
    that does not know the key refuses it rather than trust it.

    Its text is marked as untrusted, so that it stays data where a summary, a condensed question or
    another template retells the history; `strip_marks(message)` is what people are shown.

    Args:
        content: A text; a node or document, of which the message holds what a model is shown; or
            a list of these.
        metadata: What else to remember of it, such as its source. It is not sent. Texts that are
            more than a name are marked, since templates that retell a history write it, too.

    Raises:
        InvalidRequestError: a name in `metadata` already has a meaning to LlamaIndex.
        UnsupportedContentError: the content is of another type, or a node has no text.
    """
    reserved = sorted(_RESERVED.intersection(metadata))
    if reserved:
        raise InvalidRequestError(
            f"LlamaIndex has a meaning of its own for {reserved}. Use other names."
        )
    return ChatMessage(
        role=MessageRole.TOOL,
        content=mark_untrusted("\n\n".join(_data_texts(content)), ticks=False),
        additional_kwargs={**mark_metadata(metadata), _ROLE_KEY: "data"},
    )


def _data_texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, (BaseNode, NodeWithScore)):
        text = content.get_content(metadata_mode=MetadataMode.LLM)
        if not text.strip():
            raise UnsupportedContentError(
                f"This {type(content).__name__} has no text. Leave it out, or pass what it says."
            )
        yield text
    elif isinstance(content, (list, tuple)) and content:
        for each in content:
            yield from _data_texts(each)
    else:
        raise UnsupportedContentError(
            "A data message takes a text, a node, or a list of these that is not empty, not"
            f" {content!r:.60}. Of another object, pass its text."
        )


def is_data_message(message: ChatMessage) -> bool:
    """Whether a message is one of `data_message`."""
    return bool(message.additional_kwargs.get(_ROLE_KEY) == "data")


def turns_from_messages(messages: Sequence[ChatMessage]) -> list[Turn]:
    """What the messages say, in the core's terms. The messages are left as they are.

    Raises:
        UnsupportedContentError: a message holds what cannot be sent to Cygnet.
    """
    return [_turn(message) for message in messages]


def _turn(message: ChatMessage) -> Turn:
    kwargs = message.additional_kwargs
    speaker = "data" if is_data_message(message) else message.role.value
    return Turn(
        speaker=speaker,
        text=_text(message, speaker),
        tool_calls=_tool_calls(message),
        tool_call_id=kwargs.get("tool_call_id"),
    )


# What carries no text of a message: calls, which `_tool_calls` reads, thoughts, and cache marks.
_NO_TEXT = (ToolCallBlock, ThinkingBlock, CachePoint)

# What an assistant's message of another provider carries beside its text, too.
_NO_TEXT_OF_ASSISTANTS = (*_NO_TEXT, CitationBlock)


def _text(message: ChatMessage, speaker: str) -> str:
    """The text of the blocks, joined as `ChatMessage.content` joins it."""
    texts: list[str] = []
    for block in message.blocks:
        if isinstance(block, TextBlock):
            texts.append(block.text)
        elif speaker in _RESULTS:
            texts.extend(_texts_of_result(block))
        elif not isinstance(block, _NO_TEXT_OF_ASSISTANTS if speaker in _ASSISTANTS else _NO_TEXT):
            raise UnsupportedContentError(
                f"Cygnet reads text only: a block of type {type(block).__name__} cannot be sent."
                " Put its text in a TextBlock, or leave it out."
            )
    return "\n".join(texts)


_ASSISTANTS = frozenset({MessageRole.ASSISTANT, MessageRole.CHATBOT, MessageRole.MODEL})

_RESULTS = frozenset({"data", MessageRole.TOOL, MessageRole.FUNCTION})


def _texts_of_result(block: ContentBlock) -> Iterator[str]:
    """What can be read of a block that a tool returned; what cannot is named.

    A user can leave an image out. An agent hands on what its tools return, and a block that is
    refused would end its run.
    """
    if isinstance(block, TextBlock):
        yield block.text
    elif isinstance(block, CitableBlock):
        yield f"{block.title} ({block.source}):"
        for each in block.content:
            yield from _texts_of_result(each)
    elif isinstance(block, CitationBlock):
        yield from _texts_of_result(block.cited_content)
    elif isinstance(block, DocumentBlock) and (text := _text_of_document(block)) is not None:
        yield text
    elif not isinstance(block, _NO_TEXT):
        title = getattr(block, "title", None)
        kind = type(block).__name__ + (f" {title!r}" if title else "")
        yield f"[{kind} left out: it cannot be read as text]"


def _text_of_document(block: DocumentBlock) -> str | None:
    """The text of a document that is there as text; nothing is fetched or opened for it."""
    mimetype = block.document_mimetype or ""
    if not isinstance(block.data, bytes) or not mimetype.startswith(_TEXT_TYPES):
        return None
    try:
        return b64decode(block.data, validate=True).decode()
    except ValueError:
        return None


_TEXT_TYPES = ("text/", "application/json", "application/xml")


def _tool_calls(message: ChatMessage) -> tuple[ToolCall, ...]:
    blocks = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    if blocks:
        return tuple(
            past_call(block.tool_call_id, sent_name(block.tool_name), block.tool_kwargs)
            for block in blocks
        )
    mirrored = message.additional_kwargs.get("tool_calls") or ()
    return tuple(_mirrored_call(call) for call in mirrored)


def _mirrored_call(call: Any) -> ToolCall:
    """A call as OpenAI writes it, as a mapping or an object, of a message without blocks."""
    try:
        fields = call if isinstance(call, Mapping) else call.model_dump()
        function = fields["function"]
        return past_call(fields["id"], sent_name(function["name"]), function["arguments"])
    except (AttributeError, LookupError, TypeError):
        raise UnsupportedContentError(
            f"A tool call of an earlier message cannot be read: {call!r}. Put it in a"
            " ToolCallBlock of the message."
        ) from None
