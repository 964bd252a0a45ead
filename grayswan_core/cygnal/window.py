"""Messages as the monitor reads them, and which of a conversation it is shown. Sans-I/O.

Everything that a model or a user may read is judged. So of content in a form that is not known,
every string is shown to the monitor; only the bytes of media are left out, since it does not judge
them (`ignored_inputs`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from grayswan_core.errors import UnsupportedContentError
from grayswan_core.request.roles import role_of
from grayswan_core.untrusted.marks import has_marks
from grayswan_core.untrusted.spans import split, unmarked
from grayswan_core.wire import FunctionCall, MonitorMessage, MonitorRole, ToolCall

__all__ = ["Content", "monitor_messages", "monitor_role", "window"]

Content: TypeAlias = str | Sequence[str | Mapping[str, Any]] | None
"""A text, or a list of texts and content blocks."""

DATA = "data"
"""The name of `tool` messages that hold untrusted content which no tool call asked for."""

_MEDIA = ("image", "audio", "video", "file", "media")
_BLOBS = frozenset({"data", "base64", "url", "file_data", "image_url", "input_audio", "source"})


def monitor_messages(
    speaker: str,
    content: Content,
    *,
    tool_calls: Sequence[ToolCall] = (),
    tool_call_id: str | None = None,
) -> list[MonitorMessage]:
    """One message of a conversation as the monitor is sent it, without any mark.

    What is marked as untrusted in a system or user message follows it as data. An unknown speaker
    counts as a user.

    Args:
        speaker: Who speaks, by any name the frameworks use.
        content: What is said.
        tool_calls: The calls an assistant made.
        tool_call_id: The call that a tool's result answers.
    """
    role = monitor_role(speaker)
    texts, media = _read(content)
    if role == "tool":
        name = None if tool_call_id else DATA
        return [_message(role, map(unmarked, texts), media, tool_call_id=tool_call_id, name=name)]
    if role == "assistant":
        calls = [_without_marks(call) for call in tool_calls]
        return [_message(role, map(unmarked, texts), media, tool_calls=calls or None)]
    pieces = [piece for text in texts for piece in split(text)]
    own = [piece.text for piece in pieces if not piece.untrusted]
    data = [_message("tool", [piece.text], [], name=DATA) for piece in pieces if piece.untrusted]
    return [_message(role, own, media), *data]


def window(
    context: Sequence[MonitorMessage], judged: Sequence[MonitorMessage], history: int
) -> list[MonitorMessage]:
    """The conversation to judge: instructions, the latest of what came before, and what is judged.

    Args:
        context: What came before, oldest first.
        judged: What is judged. All of it is shown.
        history: How many messages of the context are shown, beside those that open it with
            instructions.
    """
    start = next((i for i, each in enumerate(context) if each.role not in _INSTRUCTS), len(context))
    latest = context[max(start, len(context) - history) :]
    # A result whose call is cut off would be refused by most APIs.
    called = {call.id for each in latest for call in each.tool_calls or ()}
    known = [each for each in latest if not each.tool_call_id or each.tool_call_id in called]
    return [*context[:start], *known, *judged]


_INSTRUCTS = ("system", "developer")


def monitor_role(speaker: str) -> MonitorRole:
    """The role of a speaker, by any name; an unknown one counts as a user."""
    try:
        role = role_of(speaker)
    except UnsupportedContentError:
        return "user"
    return "tool" if role == "data" else role


def _message(
    role: MonitorRole, texts: Iterator[str] | Sequence[str], media: list[str], **fields: Any
) -> MonitorMessage:
    text = "".join(texts)
    if not media:
        return MonitorMessage(role=role, content=text, **fields)
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    return MonitorMessage(role=role, content=[*parts, *({"type": m} for m in media)], **fields)


def _read(content: Content) -> tuple[list[str], list[str]]:
    """The texts in some content, and the kinds of media in it."""
    if content is None or isinstance(content, str):
        return [content or ""], []
    texts: list[str] = []
    media: list[str] = []
    for block in content:
        if isinstance(block, str):
            texts.append(block)
        elif block.get("type") == "text" and isinstance(block.get("text"), str):
            texts.append(block["text"])
        elif kind := _medium(block):
            media.append(kind)
            rest = {key: value for key, value in block.items() if key not in _BLOBS}
            texts.extend(f"\n{text}" for text in _strings(rest) if text != block["type"])
        else:
            texts.append("\n" + json.dumps(block, ensure_ascii=False, default=str))
    return texts, media


def _medium(block: Mapping[str, Any]) -> str | None:
    """Which medium a block is, if it is one; a document of plain text is none."""
    kind = str(block.get("type", ""))
    source = block.get("source")
    if isinstance(source, Mapping) and source.get("type") in ("text", "content"):
        return None
    if kind == "document":
        return "file"
    return next((name for name in _MEDIA if name in kind.split("_")), None)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _strings(item)


def _without_marks(call: ToolCall) -> ToolCall:
    name, arguments = call.function.name, call.function.arguments
    if not (has_marks(arguments) or has_marks(name)):
        return call
    function = FunctionCall(name=unmarked(name), arguments=unmarked(arguments))
    return ToolCall(id=call.id, function=function)
