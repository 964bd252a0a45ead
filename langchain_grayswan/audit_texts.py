"""Where LangChain's objects hold text, for an audit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_core.documents import Document
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.prompt_values import PromptValue
from pydantic import BaseModel

from grayswan_core.audit.records import INSTRUCTIONS, Sent
from grayswan_core.audit.values import is_name, prose, strings
from langchain_grayswan.messages import speaker_of

__all__ = [
    "document_texts",
    "documents_in",
    "own_texts",
    "result_texts",
    "said_in",
    "sent_messages",
    "sent_tools",
    "written_texts",
]

_DEPTH = 4
_ROLES = {"human": "user", "ai": "assistant", "chatbot": "assistant", "model": "assistant"}
_RESULTS = ("tool", "function")
# In a user's message, as some APIs have it.
_RESULT_BLOCKS = ("tool_result", "function_call_output")
_DEFINITIONS = ("tools", "functions", "response_format")


def _within(value: Any, kind: type | tuple[type, ...], depth: int = _DEPTH) -> Iterator[Any]:
    """The objects of a class in a value: in lists, tuples and mappings, and in artifacts."""
    if isinstance(value, kind):
        yield value
    if isinstance(value, ToolMessage):
        value = value.artifact
    if depth and isinstance(value, Mapping):
        value = list(value.values())
    if depth and isinstance(value, (list, tuple)):
        for item in value:
            yield from _within(item, kind, depth - 1)


def documents_in(value: Any) -> Iterator[Document]:
    """The documents in what a step is given, or gives."""
    return _within(value, Document)


def said_in(value: Any) -> Iterator[tuple[str | None, Iterator[str]]]:
    """What tools and models say in what a chain or a model is given, for `note_conversation`."""
    if isinstance(value, PromptValue):
        value = value.to_messages()
    for message in _within(value, BaseMessage):
        if _is_result(message):
            yield message.name or "a tool message", _message_texts(message)
        elif isinstance(message, AIMessage):
            yield None, _said_by(message)


def _is_result(message: BaseMessage) -> bool:
    return _role(message) in _RESULTS


def _role(message: BaseMessage) -> str:
    speaker = speaker_of(message).lower()
    return _ROLES.get(speaker, speaker)


def own_texts(value: Any) -> Iterator[str]:
    """What the program or its user wrote, of the input of a whole chain."""
    if isinstance(value, PromptValue):
        value = value.to_messages()
    if isinstance(value, str):
        yield value
    elif isinstance(value, BaseMessage):
        if not _is_result(value):
            yield from _message_texts(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from own_texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from own_texts(item)


def document_texts(document: Document) -> Iterator[str]:
    """A document's text, and what of its metadata is more than a name."""
    yield document.page_content
    yield from (text for text in strings(document.metadata) if not is_name(text))


def _message_texts(message: BaseMessage) -> Iterator[str]:
    """The texts of a message, without pictures and the like."""
    blocks = [message.content] if isinstance(message.content, str) else message.content
    for block in blocks:
        if isinstance(block, str):
            yield block
        elif isinstance(block.get("text"), str):
            yield block["text"]
        elif block.get("type") not in _RESULT_BLOCKS:
            yield from prose(block)  # a document, a citation, a thought


def _said_by(message: BaseMessage) -> Iterator[str]:
    """What the message of a model says: text, and arguments of calls."""
    yield from _message_texts(message)
    if isinstance(message, AIMessage):
        yield from (text for call in message.tool_calls for text in strings(call["args"]))


def result_texts(value: Any) -> Iterator[str]:
    """The texts of what a tool returned: a message, documents, a `Command`, or any other value."""
    if isinstance(value, BaseMessage):
        yield from _message_texts(value)
        if isinstance(value, ToolMessage) and value.artifact is not None:
            yield from result_texts(value.artifact)
    elif isinstance(value, Document):
        yield from document_texts(value)
    elif isinstance(value, Mapping):
        yield from prose(list(value))
        for item in value.values():
            yield from result_texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from result_texts(item)
    elif (fields := _fields(value)) is not None:
        yield from result_texts(fields)
    else:
        yield from strings(value)


def _fields(value: Any) -> dict[str, Any] | None:
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    return None


def sent_messages(messages: Sequence[BaseMessage]) -> Iterator[Sent]:
    """What a model is sent, message by message."""
    for number, message in enumerate(messages, 1):
        place = f"message {number} of {len(messages)}"
        role = _role(message)
        for text in _message_texts(message):
            yield Sent(role, place, text)
        if isinstance(message, AIMessage):
            for call in message.tool_calls:
                for text in strings(call["args"]):
                    yield Sent("assistant", f"{place}, arguments for {call['name']}", text)


def sent_tools(settings: Mapping[str, Any]) -> Iterator[Sent]:
    """What a model is sent beside messages: of tools names, descriptions and schemas."""
    for key in INSTRUCTIONS:
        for text in prose(settings.get(key)):
            yield Sent("system", f"the setting {key}", text)
    for key in _DEFINITIONS:
        given = settings.get(key) or ()
        for each in given if isinstance(given, (list, tuple)) else [given]:
            for text in strings(each):
                yield Sent("tool definition", f"definition of {_tool_name(each, key)}", text)


def _tool_name(definition: Any, key: str) -> str:
    if isinstance(definition, Mapping):
        function = definition.get("function")
        named = function if isinstance(function, Mapping) else definition
        return str(named.get("name") or key)
    return str(getattr(definition, "name", key))


def written_texts(response: LLMResult) -> Iterator[str]:
    """What a model wrote: text, and arguments of calls."""
    for each in (generation for batch in response.generations for generation in batch):
        if not isinstance(each, ChatGeneration):
            yield each.text
            continue
        yield from _said_by(each.message)
