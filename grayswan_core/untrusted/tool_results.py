"""Untrusted text for models that have no role `data`: as results of tool calls. Sans-I/O.

Models of OpenAI's shape are trained to rank what a tool returned below what the user said. So each
`data` message becomes the result of a call of a tool that was never on offer: an assistant's turn
that calls it, and the tool's turn.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby

from grayswan_core.wire import FunctionCall, Message, ToolCall

__all__ = ["READ_UNTRUSTED_TEXT", "data_as_tool_results"]

READ_UNTRUSTED_TEXT = "read_untrusted_text"
"""The name of the tool whose results untrusted texts become."""


def data_as_tool_results(messages: Sequence[Message]) -> list[Message]:
    """The messages with no role `data`; all others are the same objects."""
    translated: list[Message] = []
    count = 0
    for is_data, group in groupby(messages, key=lambda message: message.role == "data"):
        if not is_data:
            translated += group
            continue
        texts = list(group)
        translated += _as_results(texts, count)
        count += len(texts)
    return translated


def _as_results(texts: Sequence[Message], count: int) -> Iterator[Message]:
    """One turn that calls the tool for each text, and the results."""
    calls = [
        ToolCall(
            id=f"untrusted_text_{number}",
            function=FunctionCall(
                name=READ_UNTRUSTED_TEXT, arguments=json.dumps({"number": number})
            ),
        )
        for number in range(count + 1, count + len(texts) + 1)
    ]
    yield Message(role="assistant", content="", tool_calls=calls)
    for call, text in zip(calls, texts, strict=True):
        yield Message(role="tool", content=text.content, tool_call_id=call.id)
