r"""How the rules engine counts tokens.

A token is a word (`\w+`), a single CJK character, or a single other character that is not
white space. White space belongs to the token after it, at the end of a text to the one before
it. So `"It's 3 pm. "` has 6 tokens: `It`, `'`, `s`, ` 3`, ` pm`, `. `.

The counts are deterministic and need no model file. They are no estimate of what the API
would count.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grayswan_core.wire import ChatRequest, Message

__all__ = ["count_prompt_tokens", "count_tokens", "split_tokens"]

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_TOKEN = re.compile(rf"\s*(?:[{_CJK}]|(?:(?![{_CJK}])\w)+|[^\w\s])(?:\s+\Z)?|\s+\Z")


def split_tokens(text: str) -> list[str]:
    """Cut a text into its tokens; joined, they are the text again."""
    return _TOKEN.findall(text)


def count_tokens(text: str) -> int:
    """The number of tokens in a text."""
    return len(split_tokens(text))


def count_prompt_tokens(request: ChatRequest) -> int:
    """The tokens of a request: one for each message's role, its text, its calls, the tools."""
    tools = sum(count_tokens(tool.model_dump_json()) for tool in request.tools or ())
    return tools + sum(_count_message(message) for message in request.messages)


def _count_message(message: Message) -> int:
    calls = sum(
        count_tokens(call.function.name) + count_tokens(call.function.arguments)
        for call in message.tool_calls or ()
    )
    return 1 + count_tokens(message.content) + calls
