"""Where LlamaIndex's objects hold text, for an audit."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    DocumentBlock,
    MessageRole,
    TextBlock,
    ToolCallBlock,
)
from llama_index.core.schema import BaseNode, MetadataMode, NodeWithScore, QueryBundle
from llama_index.core.tools import ToolOutput

from grayswan_core.audit.records import INSTRUCTIONS, Sent
from grayswan_core.audit.values import is_name, prose, strings
from llama_index_grayswan.messages import is_data_message

__all__ = [
    "SentTexts",
    "node_texts",
    "nodes_in",
    "output_texts",
    "own_texts",
    "said_in",
    "written_texts",
]

_RESULTS = (MessageRole.TOOL, MessageRole.FUNCTION)
_ROLES = {"chatbot": "assistant", "model": "assistant"}
_DEFINITIONS = ("tools", "functions", "response_format")


def nodes_in(value: Any) -> Iterator[BaseNode]:
    """The nodes of what a retriever, reader or postprocessor gives."""
    for each in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(each, NodeWithScore):
            yield each.node
        elif isinstance(each, BaseNode):
            yield each


def node_texts(node: BaseNode) -> Iterator[str]:
    """A node's text, and what of its metadata is more than a name."""
    if text := node.get_content(metadata_mode=MetadataMode.NONE):
        yield text
    yield from (text for text in strings(node.metadata) if not is_name(text))


def output_texts(output: ToolOutput) -> Iterator[str]:
    """The texts of what a tool returned."""
    if output.content:
        yield output.content
    if isinstance(output.raw_output, str) and output.raw_output != output.content:
        yield output.raw_output
    for node in nodes_in(output.raw_output):
        yield from node_texts(node)


def own_texts(value: Any) -> Iterator[str]:
    """What the program or its user wrote, of the arguments of an engine or agent."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, QueryBundle):
        yield value.query_str
    elif isinstance(value, ChatMessage):
        if not _is_result(value):
            yield from _message_texts(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from own_texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from own_texts(item)


def said_in(arguments: Mapping[str, Any]) -> Iterator[tuple[str | None, Iterator[str]]]:
    """What tools and models say in the arguments of a call, for `note_conversation`."""
    for value in arguments.values():
        for each in value if isinstance(value, (list, tuple)) else [value]:
            if not isinstance(each, ChatMessage):
                continue
            if _is_result(each):
                name = each.additional_kwargs.get("name") or "a tool message"
                yield str(name), _message_texts(each)
            elif _is_models(each):
                yield None, _said_by(each)


def _is_result(message: ChatMessage) -> bool:
    return message.role in _RESULTS


def _is_models(message: ChatMessage) -> bool:
    role = message.role.value
    return _ROLES.get(role, role) == "assistant"


def written_texts(response: Any) -> Iterator[str]:
    """What a model wrote: text, and arguments of calls."""
    if isinstance(response, ChatResponse):
        yield from _said_by(response.message)
    elif isinstance(response, CompletionResponse):
        yield response.text


class SentTexts:
    """What a model is sent.

    Args:
        takes_marks: Whether the model sends marked text, and each `data_message`, as data.
    """

    def __init__(self, *, takes_marks: bool) -> None:
        self._takes_marks = takes_marks

    def of(self, arguments: Mapping[str, Any]) -> Iterator[Sent]:
        """The texts of a call's arguments."""
        if isinstance(prompt := arguments.get("prompt"), str):
            yield Sent("user", "the prompt", prompt)
        messages = arguments.get("messages") or ()
        for number, message in enumerate(messages, 1):
            place = f"message {number} of {len(messages)}"
            role = self._role(message)
            for text in _message_texts(message):
                yield Sent(role, place, text)
            for text in _call_texts(message):
                yield Sent(role, f"{place}, arguments of a call", text)
        yield from _definitions(arguments)

    def _role(self, message: ChatMessage) -> str:
        if self._takes_marks and is_data_message(message):
            return "data"
        role = str(getattr(message.role, "value", message.role))
        return _ROLES.get(role, role)


def _definitions(arguments: Mapping[str, Any]) -> Iterator[Sent]:
    for key in INSTRUCTIONS:
        for text in prose(arguments.get(key)):
            yield Sent("system", f"the setting {key}", text)
    for key in _DEFINITIONS:
        given = arguments.get(key) or ()
        for each in given if isinstance(given, (list, tuple)) else [given]:
            function = each.get("function", each) if isinstance(each, Mapping) else {}
            name = function.get("name") or key if isinstance(function, Mapping) else key
            for text in strings(each):
                yield Sent("tool definition", f"definition of {name}", text)


def _said_by(message: ChatMessage) -> Iterator[str]:
    """What the message of a model says: text, and arguments of calls."""
    yield from _message_texts(message)
    yield from _call_texts(message)


def _message_texts(message: ChatMessage) -> Iterator[str]:
    """The texts of a message, without pictures and the like; calls are read on their own."""
    for block in message.blocks:
        if isinstance(block, TextBlock):
            yield block.text
        elif isinstance(block, DocumentBlock):
            yield from _document_texts(block)
        elif not isinstance(block, ToolCallBlock):
            yield from prose(block.model_dump())  # a citation, a thought


def _document_texts(block: DocumentBlock) -> Iterator[str]:
    yield from prose(block.title)
    if isinstance(block.data, bytes) and str(block.document_mimetype).startswith("text/"):
        yield b64decode(block.data).decode(errors="replace")


def _call_texts(message: ChatMessage) -> Iterator[str]:
    for block in message.blocks:
        if isinstance(block, ToolCallBlock):
            yield from strings(block.tool_kwargs)
    yield from strings(message.additional_kwargs.get("tool_calls") or ())
