"""Which tool is called, if any.

A model of this size cannot be trusted to tell whether a question needs a tool, so it is not asked.
The tool that `tool_choice` names is called. With `auto`, the rules engine judges whether the user
clearly asks for one (`rules.tools` says when), or whether a system message insists on one; else
the model answers in text. One call is made at a time. The arguments are the model's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grayswan_devserver.rules.demands import call_demanded_tool
from grayswan_devserver.rules.tools import call_wanted_tools

if TYPE_CHECKING:
    from grayswan_core.wire import FunctionDefinition
    from grayswan_devserver.rules.conversation import Conversation

__all__ = ["chosen_tool"]


def chosen_tool(conversation: Conversation) -> FunctionDefinition | None:
    """The tool to call now, or `None` where text is the answer."""
    if conversation.named_tool is not None:
        return conversation.named_tool
    answer = call_demanded_tool(conversation) or call_wanted_tools(conversation)
    names = [call.name for call in answer.tool_calls] if answer else []
    return next((tool for tool in conversation.tools if tool.name in names[:1]), None)
