"""Obeying a system message that requires a tool call.

The wire can require one tool by name, not "one of these". Clients that need that end the
conversation with a system message, `TOOL_CALL_CORRECTION`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grayswan_core.wire import TOOL_CALL_CORRECTION
from grayswan_devserver.answers import Answer, Call
from grayswan_devserver.rules.arguments import fill
from grayswan_devserver.rules.tools import wanted_calls

if TYPE_CHECKING:
    from grayswan_devserver.rules.conversation import Conversation

__all__ = ["call_demanded_tool"]

_DEMAND = TOOL_CALL_CORRECTION.partition("{names}")[0]


def call_demanded_tool(conversation: Conversation) -> Answer | None:
    """Call a tool if the last message is the system's and insists on one.

    It is the tool that the user asks for; where that is none, or done, the last tool that has
    not been called yet, for what frameworks add to a user's tools comes last.
    """
    last = conversation.messages[-1]
    if last.role != "system" or _DEMAND not in last.content or not conversation.tools:
        return None
    wanted = wanted_calls(conversation.tools, conversation.user_text)
    if wanted and not conversation.results:
        return Answer(tool_calls=wanted)
    uncalled = [tool for tool in conversation.tools if tool.name not in conversation.calls_made]
    tool = (uncalled or conversation.tools)[-1]
    sources = [*(result.content for result in conversation.results), *conversation.data]
    arguments = fill(tool.parameters, conversation.user_text, sources)
    return Answer(tool_calls=[Call(tool.name, arguments)])
