"""Untrusted text out of the trusted roles and into `data` messages. Pure.

The last step before a request is sent. What `spans` finds untrusted in a system, user or
assistant message, or in what is said about a tool, is taken out; `[data 1]` stands in its place
and the text follows in a message of the role `data` that begins with the same words. Where
nothing else is in a message, the message itself becomes data, and needs no such words.

The documented place of data is after the question it is about. So what was in a user's message
follows it, what was in a system message or about a tool follows the last user message, and what
an assistant quoted follows its turn. Nothing comes between a tool call and its result.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import to_json

from grayswan_core.errors import InvalidRequestError
from grayswan_core.untrusted.marks import has_marks, may_have_marks, without_marks
from grayswan_core.untrusted.spans import Piece, split, unmarked
from grayswan_core.wire import ChatRequest, Message, Role, Tool, ToolCall

__all__ = ["is_much_marked", "separate"]


def separate(request: ChatRequest) -> ChatRequest:
    """The request with no mark in it, and with untrusted text in `data` messages only.

    Raises:
        InvalidRequestError: the name of a tool is untrusted text.
    """
    if not _is_marked(request):
        return request
    separator = _Separator()
    tools = [separator.tool(tool) for tool in request.tools or ()]
    turns = [separator.turn(message) for message in request.messages]
    messages = list(_placed(turns, separator.about_tools))
    return request.model_copy(update={"messages": messages, "tools": tools or None})


_MUCH = 64 * 1024


def is_much_marked(texts: Iterable[str]) -> bool:
    """Whether separation takes so long that an event loop should not wait for it.

    That is so above 64 KiB of marked text, which takes some milliseconds.
    """
    long = [text for text in texts if text]
    return sum(map(len, long)) > _MUCH and any(map(may_have_marks, long))


def _is_marked(request: ChatRequest) -> bool:
    """Whether there may be a mark anywhere: one search, however many texts there are.

    Each string of each tool's schema would be one otherwise, on every call.
    """
    texts = [message.content for message in request.messages]
    texts += [
        text
        for message in request.messages
        for call in message.tool_calls or ()
        for text in (call.function.arguments, call.function.name)
    ]
    if request.tools:
        try:
            texts.append(to_json(request.tools, serialize_unknown=True).decode())
        except ValueError:  # a text that is not valid Unicode, which is refused when it is sent
            return True
    return may_have_marks("\n".join(texts))


def _message_is_marked(message: Message) -> bool:
    return has_marks(message.content) or any(
        has_marks(call.function.arguments) or has_marks(call.function.name)
        for call in message.tool_calls or ()
    )


def _tool_is_marked(tool: Tool) -> bool:
    function = tool.function
    said = (function.name, function.description, *_strings(function.parameters))
    return any(map(has_marks, said))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _strings(key)
            yield from _strings(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _strings(item)


@dataclass
class _Turn:
    """What is left of a message, if anything is, and the data taken out of it."""

    role: Role
    message: Message | None
    data: list[Message] = field(default_factory=list)


class _Separator:
    """Takes untrusted text out and numbers it, over all parts of one request."""

    def __init__(self) -> None:
        self.about_tools: list[Message] = []
        self._count = 0

    def turn(self, message: Message) -> _Turn:
        """A message of any role, without its data."""
        if not _message_is_marked(message):
            return _Turn(message.role, message)
        if message.role in ("data", "tool"):
            content = unmarked(message.content)
            return _Turn(message.role, message.model_copy(update={"content": content}))
        pieces = _gathered(split(message.content))
        if not message.tool_calls and all(p.untrusted or not p.text.strip() for p in pieces):
            return _Turn(message.role, None, [_data(p.text) for p in pieces if p.untrusted])
        turn = _Turn(message.role, None)
        calls = [self._call(call, turn.data) for call in message.tool_calls or ()]
        content = self._text(message.content, turn.data)
        update = {"content": content, "tool_calls": calls or None}
        turn.message = message.model_copy(update=update)
        return turn

    def tool(self, tool: Tool) -> Tool:
        """The tool with references where its description or schema held untrusted text."""
        if not _tool_is_marked(tool):
            return tool
        function = tool.function
        _check_name(function.name)
        description = self._text(function.description, self.about_tools)
        parameters = self._value(function.parameters, self.about_tools)
        updated = function.model_copy(update={"description": description, "parameters": parameters})
        return tool.model_copy(update={"function": updated})

    def _call(self, call: ToolCall, data: list[Message]) -> ToolCall:
        """A call an assistant made; its arguments stay the JSON that they were."""
        _check_name(call.function.name)
        if not has_marks(call.function.arguments):
            return call
        try:
            value = json.loads(call.function.arguments)
        except (ValueError, RecursionError):
            arguments = self._text(call.function.arguments, data)
        else:
            arguments = json.dumps(self._value(value, data), ensure_ascii=False)
        function = call.function.model_copy(update={"arguments": arguments})
        return call.model_copy(update={"function": function})

    def _value(self, value: Any, data: list[Message]) -> Any:
        if isinstance(value, str):
            return self._text(value, data)
        if isinstance(value, dict):
            return {self._value(key, data): self._value(item, data) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._value(item, data) for item in value]
        return value

    def _text(self, text: str, data: list[Message]) -> str:
        """The trusted text with references; what was taken out is added to `data`."""
        parts = []
        for piece in _gathered(split(text)):
            if not piece.untrusted:
                parts.append(piece.text)
                continue
            self._count += 1
            reference = f"[data {self._count}]"
            parts.append(reference)
            data.append(_data(f"{reference}\n{piece.text}"))
        return "".join(parts)


# What may stand between pieces that share a message: white space, and the bars of a table.
_BETWEEN = re.compile(r"[\s|]*")


def _gathered(pieces: Iterable[Piece]) -> list[Piece]:
    """The pieces, neighbours as one where nothing that says anything is between them."""
    gathered: list[Piece] = []
    for piece in pieces:
        between = ""
        if piece.untrusted and len(gathered) > 1 and not gathered[-1].untrusted:
            between = gathered[-1].text
            if _BETWEEN.fullmatch(between):
                gathered.pop()
        if piece.untrusted and gathered and gathered[-1].untrusted:
            joined = gathered.pop().text + between + piece.text
            gathered.append(Piece(joined, untrusted=True))
        else:
            gathered.append(piece)
    return gathered


def _data(text: str) -> Message:
    return Message(role="data", content=text)


def _check_name(name: str) -> None:
    if has_marks(name):
        raise InvalidRequestError(
            f"The name of the tool {without_marks(name)!r} is untrusted text. Name tools in the"
            " program, not after what a document says."
        )


def _placed(turns: Sequence[_Turn], about_tools: Sequence[Message]) -> Iterator[Message]:
    """The messages, with the data where the model expects it."""
    question = _last_question(turns)
    after_question = list(about_tools)
    after_results: list[Message] = []
    for index, turn in enumerate(turns):
        if turn.role != "tool":
            yield from after_results
            after_results = []
        if turn.message is not None:
            yield turn.message
        if turn.role == "system" and index < question:
            after_question += turn.data
        elif turn.message is not None and turn.message.tool_calls:
            after_results = turn.data
        else:
            yield from turn.data
        if index == question:
            yield from after_question
            after_question = []
    yield from after_results
    yield from after_question


def _last_question(turns: Sequence[_Turn]) -> int:
    """Which turn is the last of the user's own words; beyond the last turn if there is none."""
    own = [index for index, turn in enumerate(turns) if turn.role == "user" and turn.message]
    return own[-1] if own else len(turns)
