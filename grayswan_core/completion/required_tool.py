"""A required tool call, where the API can only be asked for one in words. Sans-I/O.

The API can require one tool by name, but not "some tool of these". So the response is looked at,
and the request sent again with a correction when no tool on offer was called.
"""

from __future__ import annotations

from collections.abc import Iterator

from grayswan_core.completion.answer_check import check_answer
from grayswan_core.errors import ToolCallMissingError
from grayswan_core.request.build import CompletionCall
from grayswan_core.wire import (
    REFUSALS,
    TOOL_CALL_CORRECTION,
    ChatRequest,
    ChatResponse,
    Message,
    Usage,
)

__all__ = ["MAX_CORRECTIONS", "Rounds"]

MAX_CORRECTIONS = 2
"""How often a response without a required tool call is asked for again."""


class Rounds:
    """The requests of one call: iterate over them, and hand each its response.

    Args:
        call: What is asked for.
    """

    response: ChatResponse
    """The response that is final, where the rounds were handed whole ones."""

    def __init__(self, call: CompletionCall) -> None:
        self.call = call
        self._names = [tool.function.name for tool in call.request.tools or ()]
        self._request = call.request
        self._corrections = 0
        self._spent = Usage()
        self._over = False

    def __iter__(self) -> Iterator[ChatRequest]:
        while not self._over:
            yield self._request

    def take(self, response: ChatResponse) -> None:
        """Take in the whole response to the last request.

        Raises:
            ToolCallMissingError: as in `correct`.
            APIError: the response is not one to act on (`answer_check`).
        """
        if not self.settled_by(response):
            self.correct(response)
            return
        self.finish()
        response.usage = self.total(response.usage)
        if not self.call.parallel_tool_calls:
            for choice in response.choices:
                choice.message.tool_calls = (choice.message.tool_calls or [])[:1] or None
        check_answer(response, raise_on_content_filter=self.call.raise_on_content_filter)
        self.response = response

    def settled_by(self, response: ChatResponse) -> bool:
        """Whether no correction is needed: every choice calls a tool on offer, or refuses."""
        return not self.call.tool_required or all(
            choice.finish_reason in REFUSALS
            or any(call.function.name in self._names for call in choice.message.tool_calls or ())
            for choice in response.choices
        )

    def finish(self) -> None:
        """Let the last request have been the last."""
        self._over = True

    def correct(self, response: ChatResponse) -> None:
        """Make the next request, which asks again.

        Raises:
            ToolCallMissingError: the API was asked often enough, or the response was cut for
                length, which asking again does not change.
        """
        choice = response.choices[0]
        response.usage = self.total(response.usage)
        if self._corrections == MAX_CORRECTIONS or choice.finish_reason == "length":
            times = "once" if not self._corrections else f"{self._corrections + 1} times"
            raise ToolCallMissingError(
                f"The model called none of the tools {self._names} although a call was required"
                f" (asked {times}, finish reason {choice.finish_reason!r})."
                " Its response is on this error's `partial`.",
                partial=response,
            )
        self._corrections += 1
        self._spent = response.usage or self._spent
        text = choice.message.content
        correction = TOOL_CALL_CORRECTION.format(names=self._names)
        messages = [
            *self._request.messages,
            *([Message(role="assistant", content=text)] if text else []),
            Message(role="system", content=correction),
        ]
        self._request = self._request.model_copy(update={"messages": messages})

    def total(self, usage: Usage | None) -> Usage | None:
        """The usage of a response together with that of the responses before it."""
        spent = self._spent
        if usage is None or not self._corrections:
            return usage
        return usage.model_copy(
            update={
                "prompt_tokens": usage.prompt_tokens + spent.prompt_tokens,
                "completion_tokens": usage.completion_tokens + spent.completion_tokens,
                "total_tokens": usage.total_tokens + spent.total_tokens,
            }
        )
