"""Rejects truncated tool calls and, if asked, refusals. Sans-I/O.

* A tool call that was cut short is never handed out as one to make: `{"amount": 100` may have
  been going to be 100,000. Frameworks complete such JSON and would make the call.
* A refusal is a response like any other, unless the caller wants an error instead.
"""

from __future__ import annotations

from grayswan_core.decoding.tool_calls import parse_arguments
from grayswan_core.errors import ContentFilterError, ToolCallArgumentsError
from grayswan_core.wire import REFUSALS, ChatResponse, Choice, ResponseToolCall

__all__ = ["check_answer", "has_open_call", "is_readable"]

# A response that ended on its own has one of the other finish reasons. It is None where a stream
# ended with `[DONE]` alone.
_CUT = frozenset({"length", None})


def check_answer(answer: ChatResponse, *, raise_on_content_filter: bool = False) -> None:
    """Accept a response that may be acted on.

    Raises:
        ToolCallArgumentsError: it was cut in the middle of a tool call.
        ContentFilterError: it is a refusal, and refusals are to raise.
    """
    for choice in answer.choices:
        if raise_on_content_filter and choice.finish_reason in REFUSALS:
            raise ContentFilterError(
                f"The model refused to answer (finish reason {choice.finish_reason!r})."
                " Its response is on this error's `partial`.",
                partial=answer,
            )
        cut = _cut_call(choice)
        if cut is not None:
            raise ToolCallArgumentsError(
                f"The response was cut in the middle of a call of {cut.function.name!r} (finish"
                f" reason {choice.finish_reason!r}), so none of its calls may be made. Raise"
                " max_tokens, or ask for less. What had arrived is on this error's `partial`.",
                partial=answer,
            )


def has_open_call(choice: Choice) -> bool:
    """Whether a tool call of the choice has arguments that are not whole, or none as yet."""
    return _open_call(choice) is not None


def _cut_call(choice: Choice) -> ResponseToolCall | None:
    """The call that was being written when the response was cut."""
    if choice.finish_reason not in _CUT:
        return None
    return _open_call(choice)


def _open_call(choice: Choice) -> ResponseToolCall | None:
    calls = choice.message.tool_calls or ()
    return next((call for call in calls if not _is_whole(call)), None)


def _is_whole(call: ResponseToolCall) -> bool:
    """Whether the arguments are there to their end; no text is not."""
    return bool(call.function.arguments.strip()) and is_readable(call)


def is_readable(call: ResponseToolCall) -> bool:
    """Whether a call's arguments can be read."""
    try:
        parse_arguments(call.function.arguments)
    except ValueError:
        return False
    return True
