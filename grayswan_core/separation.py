"""Untrusted text out of the trusted roles and into `data` messages. Pure.

The last step before a request is sent. What `provenance` finds untrusted in a system, user or
assistant message, or in what is said about a tool, is taken out; `[data 1]` stands in its place
and the text follows in a message of the role `data` that begins with the same words. Where
nothing else is in a message, the message itself becomes data.

The documented place of data is after the question it is about. So what was in a user's message
follows it, what was in a system message or about a tool follows the last user message, and what
an assistant quoted follows its turn. Nothing comes between a tool call and its result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from grayswan_core.errors import InvalidRequestError
from grayswan_core.marks import has_marks, plain
from grayswan_core.provenance import split
from grayswan_core.wire import ChatRequest, Message, Tool, ToolCall

__all__ = ["separate"]


def separate(request: ChatRequest) -> ChatRequest:
    """The request with no mark in it, and with untrusted text in `data` messages only.

    Raises:
        InvalidRequestError: the name of a tool is untrusted text.
    """
    if not _is_marked(request):
        return request
    separator = _Separator()
    tools = [separator.tool(tool) for tool in request.tools or ()]
    turns = [separator.message(message) for message in request.messages]
    messages = list(_placed(turns, separator.about_tools))
    return request.model_copy(update={"messages": messages, "tools": tools or None})


def _is_marked(request: ChatRequest) -> bool:
    return any(map(_message_is_marked, request.messages)) or any(
        has_marks(text) for tool in request.tools or () for text in _strings(tool.model_dump())
    )


def _message_is_marked(message: Message) -> bool:
    return has_marks(message.content) or any(
        has_marks(call.function.arguments) for call in message.tool_calls or ()
    )


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


class _Separator:
    """Takes untrusted text out and numbers it, over all parts of one request."""

    def __init__(self) -> None:
        self.about_tools: list[Message] = []
        self._count = 0

    def message(self, message: Message) -> tuple[Message | None, list[Message]]:
        """What is left of a message, if anything, and the data taken out of it."""
        if not _message_is_marked(message):
            return message, []
        if message.role in ("data", "tool"):
            return message.model_copy(update={"content": plain(message.content)}), []
        data: list[Message] = []
        calls = [self._call(call, data) for call in message.tool_calls or ()]
        content = self._text(message.content, data)
        if not calls and _only_references(message.content):
            return None, data
        update = {"content": content, "tool_calls": calls or None}
        return message.model_copy(update=update), data

    def tool(self, tool: Tool) -> Tool:
        """The tool with references where its description or schema held untrusted text."""
        function = tool.function
        if has_marks(function.name):
            raise InvalidRequestError(
                f"The name of the tool {plain(function.name)!r} is untrusted text. Name tools in"
                " the program, not after what a document says."
            )
        description = self._text(function.description, self.about_tools)
        parameters = self._value(function.parameters)
        updated = function.model_copy(update={"description": description, "parameters": parameters})
        return tool.model_copy(update={"function": updated})

    def _call(self, call: ToolCall, data: list[Message]) -> ToolCall:
        arguments = self._text(call.function.arguments, data)
        function = call.function.model_copy(update={"arguments": arguments})
        return call.model_copy(update={"function": function})

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value, self.about_tools)
        if isinstance(value, dict):
            return {self._value(key): self._value(item) for key, item in value.items()}
        return [self._value(item) for item in value] if isinstance(value, list) else value

    def _text(self, text: str, data: list[Message]) -> str:
        """The trusted text with references; what was taken out is added to `data`."""
        parts = []
        for piece in split(text):
            if not piece.untrusted:
                parts.append(piece.text)
                continue
            self._count += 1
            reference = f"[data {self._count}]"
            parts.append(reference)
            data.append(Message(role="data", content=f"{reference}\n{piece.text}"))
        return "".join(parts)


def _only_references(content: str) -> bool:
    """Whether a message holds untrusted text and nothing else."""
    return not any(piece.text.strip() for piece in split(content) if not piece.untrusted)


def _placed(
    turns: Sequence[tuple[Message | None, list[Message]]], about_tools: list[Message]
) -> Iterator[Message]:
    """The messages, with the data where the model expects it."""
    last_user = max(
        (index for index, (message, _) in enumerate(turns) if _is_by(message, "user")),
        default=len(turns) - 1,
    )
    after_question = list(about_tools)
    after_results: list[Message] = []
    for index, (message, data) in enumerate(turns):
        if not _is_by(message, "tool"):
            yield from after_results
            after_results = []
        if message is not None:
            yield message
        if index <= last_user and _is_by(message, "system"):
            after_question += data
        elif message is not None and message.tool_calls:
            after_results = data
        else:
            yield from data
        if index == last_user:
            yield from after_question
            after_question = []
    yield from after_results


def _is_by(message: Message | None, role: str) -> bool:
    return message is not None and message.role == role
