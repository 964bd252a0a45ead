"""A required tool call, where the API can only be asked for one in words. Sans-I/O.

The API can require one tool by name, but not "some tool of these", and it promises nothing about
the arguments. So the response is checked, and the request sent again with a correction when no
tool on offer was called with arguments that can be read.
"""

from __future__ import annotations

from collections.abc import Iterator

from grayswan_core.completion.answer_check import check_answer, is_readable
from grayswan_core.completion.single_call import first_on_offer
from grayswan_core.errors import ResponseError, ToolCallArgumentsError, ToolCallMissingError
from grayswan_core.request.build import CompletionCall
from grayswan_core.wire import (
    REFUSALS,
    TOOL_CALL_CORRECTION,
    ChatRequest,
    ChatResponse,
    Choice,
    Message,
    Usage,
)

__all__ = ["MAX_CORRECTIONS", "Rounds"]

MAX_CORRECTIONS = 2
"""How often a response without a required tool call is asked for again."""


class Rounds:
    """The requests of one call: iterate over them, and hand each its response.

    Args:
        call: The call.
    """

    response: ChatResponse
    """The response that is final, where the rounds were handed whole ones."""

    def __init__(self, call: CompletionCall) -> None:
        self.call = call
        self.tool_names = [tool.function.name for tool in call.request.tools or ()]
        self._request = call.request
        self._corrections = 0
        self._spent: Usage | None = None
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
        if not self.call.parallel_tool_calls:
            for choice in response.choices:
                choice.message.tool_calls = first_on_offer(choice.message, self.tool_names)
        if not self.settled_by(response):
            self.correct(response)
            return
        self.finish()
        response.usage = self.total(response.usage)
        check_answer(response, raise_on_content_filter=self.call.raise_on_content_filter)
        self.response = response

    def settled_by(self, response: ChatResponse) -> bool:
        """Whether no correction is needed: every choice refuses, or makes a call that counts."""
        return not self.call.tool_required or all(map(self._settles, response.choices))

    def _settles(self, choice: Choice) -> bool:
        return choice.finish_reason in REFUSALS or any(
            call.function.name in self.tool_names and is_readable(call)
            for call in choice.message.tool_calls or ()
        )

    def finish(self) -> None:
        """Make the last request the final one."""
        self._over = True

    def correct(self, response: ChatResponse) -> None:
        """Make the next request, which asks again.

        Raises:
            ToolCallMissingError: the API was asked often enough, or the response was cut for
                length, which asking again does not change.
            ToolCallArgumentsError: the same, and there is a call, but its arguments cannot be
                read.
        """
        choice = response.choices[0]
        response.usage = self.total(response.usage)
        if self._corrections == MAX_CORRECTIONS or choice.finish_reason == "length":
            check_answer(response)
            raise self._failure(response)
        self._corrections += 1
        self._spent = response.usage
        text = choice.message.content
        correction = TOOL_CALL_CORRECTION.format(names=self.tool_names)
        messages = [
            *self._request.messages,
            *([Message(role="assistant", content=text)] if text else []),
            Message(role="system", content=correction),
        ]
        self._request = self._request.model_copy(update={"messages": messages})

    def _failure(self, response: ChatResponse) -> ResponseError:
        times = "once" if not self._corrections else f"{self._corrections + 1} times"
        asked = f"(asked {times}, finish reason {response.choices[0].finish_reason!r})"
        calls = [call for each in response.choices for call in each.message.tool_calls or ()]
        for call in calls:
            if call.function.name in self.tool_names and not is_readable(call):
                return ToolCallArgumentsError(
                    f"The arguments of the required call of {call.function.name!r} are no JSON"
                    f" object {asked}: {call.function.arguments!r}",
                    partial=response,
                )
        return ToolCallMissingError(
            f"The model called none of the tools {self.tool_names} although a call was required"
            f" {asked}. Its response is on this error's `partial`.",
            partial=response,
        )

    def total(self, usage: Usage | None) -> Usage | None:
        """The usage of a response together with that of the responses before it."""
        if usage is None or self._spent is None:
            return usage or self._spent
        return usage + self._spent
