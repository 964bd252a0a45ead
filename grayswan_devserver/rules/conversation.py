"""A request, seen the way the rules need it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from grayswan_core.wire import NamedToolChoice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grayswan_core.wire import ChatRequest, FunctionDefinition, Message

__all__ = ["Conversation", "ToolResult"]


@dataclass(frozen=True)
class ToolResult:
    """What came back from a tool; `name` is empty where the call cannot be found."""

    name: str
    content: str


class Conversation:
    """The last user message and what stands around it."""

    def __init__(self, request: ChatRequest) -> None:
        self._request = request
        self._messages = request.messages
        users = [i for i, message in enumerate(self._messages) if message.role == "user"]
        self._turn = users[-1] if users else len(self._messages)

    @property
    def messages(self) -> Sequence[Message]:
        """All messages."""
        return self._messages

    @cached_property
    def user_text(self) -> str:
        """The last user message, empty if there is none."""
        return self._messages[self._turn].content if self._turn < len(self._messages) else ""

    @cached_property
    def system_text(self) -> str:
        """All system messages."""
        return "\n".join(self._contents("system"))

    @cached_property
    def data(self) -> list[str]:
        """The untrusted texts, apart from those that answer a tool call of this turn."""
        results = {id(message) for message in self._result_messages}
        return [
            message.content
            for message in self._messages
            if message.role == "data" and id(message) not in results
        ]

    @cached_property
    def tools(self) -> Sequence[FunctionDefinition]:
        """The tools on offer; none where the request says to call none."""
        if self._request.tool_choice == "none":
            return ()
        return [tool.function for tool in self._request.tools or ()]

    @cached_property
    def named_tool(self) -> FunctionDefinition | None:
        """The tool the request insists on."""
        choice = self._request.tool_choice
        if not isinstance(choice, NamedToolChoice):
            return None
        return next(tool for tool in self.tools if tool.name == choice.function.name)

    @cached_property
    def calls_made(self) -> list[str]:
        """The names of the tools called since the last user message, in their order."""
        return [
            call.function.name
            for message in self._messages[self._turn :]
            for call in message.tool_calls or ()
        ]

    @cached_property
    def results(self) -> list[ToolResult]:
        """The tool results since the last user message, in their order."""
        names = {
            call.id: call.function.name
            for message in self._messages
            for call in message.tool_calls or ()
        }
        return [
            ToolResult(names.get(message.tool_call_id or "", ""), message.content)
            for message in self._result_messages
        ]

    @cached_property
    def _result_messages(self) -> list[Message]:
        # A client may send what a tool gave back as untrusted data: then it is what follows
        # the assistant's call.
        results, called = [], False
        for message in self._messages[self._turn :]:
            called = called or bool(message.tool_calls)
            if message.role == "tool" or (called and message.role == "data"):
                results.append(message)
        return results

    def _contents(self, role: str) -> list[str]:
        return [message.content for message in self._messages if message.role == role]
