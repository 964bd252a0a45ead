"""Marks on LangChain's objects: documents, messages, and what tools return."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from pydantic import BaseModel

from grayswan_core.untrusted.values import (
    ATOMS,
    mark_all,
    mark_metadata,
    mark_name,
    mark_output,
    mark_untrusted,
)

__all__ = ["marked_document", "marked_message", "marked_result"]


def marked_document(document: Document, *, metadata: bool = True, ticks: bool = True) -> Document:
    """A copy of a document whose text, metadata and ID are marked; names among these stay."""
    update: dict[str, Any] = {"page_content": mark_untrusted(document.page_content, ticks=ticks)}
    if metadata:
        update["metadata"] = mark_metadata(document.metadata)
        update["id"] = mark_name(document.id) if document.id else document.id
    return document.model_copy(update=update)


def marked_message(message: BaseMessage, *, ticks: bool = True) -> BaseMessage:
    """A copy of a message whose text and arguments of calls are marked, and not its artifact."""
    update: dict[str, Any] = {"content": _marked_content(message.content, ticks=ticks)}
    if calls := getattr(message, "tool_calls", None):
        update["tool_calls"] = [{**each, "args": mark_all(each["args"])} for each in calls]
    return message.model_copy(update=update)


def marked_result(result: Any) -> Any:
    """What a tool returned, marked: a message, documents, a `Command`, or any other value.

    Raises:
        TypeError: a `Command` carries an object that cannot be marked.
    """
    if isinstance(result, BaseMessage):
        return marked_message(result)
    if isinstance(result, Document):
        return marked_document(result)
    if dataclasses.is_dataclass(result) and hasattr(result, "update"):
        command = cast("Any", result)
        return dataclasses.replace(
            command, update=_marked_state(command.update), goto=_marked_goto(command.goto)
        )
    if isinstance(result, list):
        return [marked_result(item) for item in result]
    return mark_output(result) if isinstance(result, str) else mark_all(result)


def _marked_content(
    content: str | list[str | dict[Any, Any]], *, ticks: bool
) -> str | list[str | dict[Any, Any]]:
    if isinstance(content, str):
        return mark_output(content) if ticks else mark_untrusted(content, ticks=False)
    return [_marked_block(block, ticks=ticks) for block in content]


def _marked_block(block: str | dict[Any, Any], *, ticks: bool) -> str | dict[Any, Any]:
    if isinstance(block, str):
        return mark_untrusted(block, ticks=ticks)
    text = block.get("text")
    return {**block, "text": mark_untrusted(text, ticks=ticks)} if isinstance(text, str) else block


def _marked_state(value: Any) -> Any:
    """What a `Command` changes of a state. Names stay, so that the program can compare them."""
    if isinstance(value, str):
        return mark_name(value)
    if isinstance(value, (BaseMessage, Document)):
        return marked_result(value)
    if isinstance(value, Mapping):
        return {key: _marked_state(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value)(map(_marked_state, value))
    return value if isinstance(value, ATOMS) else _marked_fields(value)


def _marked_fields(value: Any) -> Any:
    if isinstance(value, BaseModel):
        held = {name: getattr(value, name) for name in type(value).model_fields}
        return value.model_copy(update=_marked_state(held))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        held = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
        return dataclasses.replace(value, **_marked_state(held))
    raise TypeError(
        f"A tool's Command carries a {type(value).__name__}, and it is not known where that holds"
        " text. Carry texts, lists, dicts, documents, messages, dataclasses or pydantic models."
    )


def _marked_goto(goto: Any) -> Any:
    """Where a `Command` goes: nodes by name, or with what each is to be given."""
    if isinstance(goto, str):
        return goto
    if isinstance(goto, (list, tuple)):
        return [_marked_goto(each) for each in goto]
    return type(goto)(goto.node, _marked_state(goto.arg)) if hasattr(goto, "arg") else goto
