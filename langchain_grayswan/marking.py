"""Marks on LangChain's objects: documents, messages, and what tools return."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
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

__all__ = [
    "MARKED_FIELDS",
    "fields_of",
    "marked_document",
    "marked_message",
    "marked_result",
]


def marked_document(document: Document, *, metadata: bool = True, ticks: bool = True) -> Document:
    """A copy of a document whose text, metadata and ID are marked; names among these stay."""
    update: dict[str, Any] = {"page_content": mark_untrusted(document.page_content, ticks=ticks)}
    if metadata:
        update["metadata"] = mark_metadata(document.metadata)
        update["id"] = mark_name(document.id) if document.id else document.id
    own = fields_of(document) - {*Document.model_fields}
    return document.model_copy(update={**_marked_each(document, own), **update})


_CALLS = ("tool_calls", "invalid_tool_calls", "tool_call_chunks")

MARKED_FIELDS = frozenset({"content", "additional_kwargs", "name", *_CALLS})
"""What of a message is marked."""


def marked_message(message: BaseMessage, *, ticks: bool = True) -> BaseMessage:
    """A copy of a message with all that it says marked, and not its artifact."""
    update: dict[str, Any] = {
        "content": _marked_content(message.content, ticks=ticks),
        "additional_kwargs": _marked_said(message.additional_kwargs),
        "name": _marked_parts(message.name),
    }
    for calls in _CALLS:
        if made := getattr(message, calls, None):
            update[calls] = [
                {**_marked_said(call), "args": mark_all(call["args"])} for call in made
            ]
    return message.model_copy(update=update)


def marked_result(result: Any, state: Any = None) -> Any:
    """What a tool returned, marked: a message, documents, a `Command`, or any other value.

    Args:
        result: What it returned.
        state: The state that a `Command` changes. What it only repeats of that, as one that hands
            a conversation over to another agent does, stays as it is.

    Raises:
        TypeError: a `Command` carries an object that cannot be marked.
    """
    if isinstance(result, BaseMessage):
        return marked_message(result)
    if isinstance(result, Document):
        return marked_document(result)
    if dataclasses.is_dataclass(result) and hasattr(result, "goto"):  # a `Command`
        command = cast("Any", result)
        return dataclasses.replace(
            command,
            update=_marked_state(command.update, state),
            goto=_marked_goto(command.goto, state),
        )
    if isinstance(result, list):
        return [marked_result(item, state) for item in result]
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
    said = {n: mark_untrusted(t, ticks=ticks) for n, t in block.items() if _is_said(n, t)}
    return {**_marked_said(block), **said}


def _is_said(name: Any, value: Any) -> bool:
    return name == "text" and isinstance(value, str)


def _marked_said(held: Mapping[Any, Any]) -> dict[Any, Any]:
    return {_marked_parts(key): _marked_or_text(value) for key, value in held.items()}


def _marked_or_text(value: Any) -> Any:
    """A part of a message, marked. What may hold text anywhere becomes text, as in a prompt."""
    try:
        return _marked_parts(value)
    except TypeError:
        return mark_all(value)


def _marked_state(update: Any, state: Any) -> Any:
    """What a `Command` changes of a state, by channel; what was in the state before stays."""
    if not isinstance(update, Mapping):
        return _marked_parts(update)
    before = state if isinstance(state, Mapping) else {}
    return {name: _marked_channel(value, before.get(name)) for name, value in update.items()}


def _marked_channel(value: Any, before: Any) -> Any:
    if _repeats(value, before):
        return value
    if isinstance(value, list) and isinstance(before, list):
        # Most are the same objects. To compare each of many messages with all takes seconds.
        same = {id(each) for each in before}
        return [
            each
            if id(each) in same or any(_repeats(each, known) for known in before)
            else _marked_parts(each)
            for each in value
        ]
    return _marked_parts(value)


def _repeats(value: Any, before: Any) -> bool:
    """Whether a value is what was there before, or its equal."""
    if value is before:
        return True
    try:
        return type(value) is type(before) and bool(value == before)
    except Exception:  # noqa: BLE001 - arrays, for example, compare each of their parts
        return False


def _marked_parts(value: Any) -> Any:
    """A value of any make with every text in it marked that is more than a name (`mark_name`).

    Raises:
        TypeError: it holds an object that may hold text anywhere.
    """
    if isinstance(value, str):
        return mark_name(value)
    if isinstance(value, (BaseMessage, Document)):
        return marked_result(value)
    if isinstance(value, Mapping):
        return {_marked_parts(key): _marked_parts(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        make = getattr(value, "_make", type(value))  # a named tuple takes its parts one by one
        return make(map(_marked_parts, value))
    return value if isinstance(value, ATOMS) else _marked_fields(value)


def _marked_fields(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_copy(update=_marked_each(value, fields_of(value)))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = {each.name for each in dataclasses.fields(value)}
        return dataclasses.replace(value, **_marked_each(value, names))
    raise TypeError(
        f"What carries a {type(value).__name__} cannot be marked, as it is not known where that"
        " holds text. Let a Command or a document carry texts, lists, dicts, documents, messages,"
        " dataclasses or pydantic models."
    )


def _marked_each(value: Any, names: Collection[str]) -> dict[str, Any]:
    return {name: _marked_parts(getattr(value, name)) for name in names}


def fields_of(model: BaseModel) -> set[str]:
    """The names of all that a model holds, also of what its class does not name."""
    return {*type(model).model_fields, *(model.model_extra or ())}


def _marked_goto(goto: Any, state: Any) -> Any:
    """Where a `Command` goes: nodes by name, or with what each is to be given."""
    if isinstance(goto, str):
        return goto
    if isinstance(goto, (list, tuple)):
        return [_marked_goto(each, state) for each in goto]
    if not hasattr(goto, "arg"):
        return goto
    return type(goto)(goto.node, _marked_state(goto.arg, state))
