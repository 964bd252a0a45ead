"""The ReAct text protocol: tools described in the system message, calls written as text.

The system message lists tools as `> Tool Name: ...`, `Tool Description: ...`, `Tool Args: ...`
(a JSON Schema) and asks for `Thought:`, `Action:`, `Action Input:`; what a tool gave back comes
as a message that begins with `Observation:`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from grayswan_core.wire import ChatRequest, FunctionDefinition, Message
from grayswan_devserver.answers import Answer
from grayswan_devserver.rules.conversation import Conversation
from grayswan_devserver.rules.results import tell
from grayswan_devserver.rules.tools import wanted_calls

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["react_with"]

_FORMAT = re.compile(r"^Action Input:", re.MULTILINE)
_TOOL = re.compile(
    r"Tool Name:[ \t]*(?P<name>\S+)[ \t]*\n"
    r"Tool Description:[ \t]*(?P<description>.*?)\n"
    r"Tool Args:[ \t]*(?P<args>\{.*\})[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
_ACTION = re.compile(r"^Action:[ \t]*(\S+)", re.MULTILINE)
_OBSERVATION = "Observation:"


def react_with(
    answer_plainly: Callable[[Conversation], Answer],
) -> Callable[[Conversation], Answer | None]:
    """The skill, which leaves what no tool is wanted for to `answer_plainly`."""

    def react(conversation: Conversation) -> Answer | None:
        if not _FORMAT.search(conversation.system_text):
            return None
        question, results = _progress(conversation)
        calls = wanted_calls(_tools(conversation.system_text), question.user_text, results)
        if calls:
            call = calls[min(len(results), len(calls) - 1)]
            return Answer(
                "Thought: The current language of the user is: English. "
                "I need to use a tool to help me answer the question.\n"
                f"Action: {call.name}\nAction Input: {call.arguments_json}"
            )
        said = tell(question.user_text, results) if results else answer_plainly(question).text
        return Answer(
            "Thought: I can answer without using any more tools. "
            f"I'll use the user's language to answer\nAnswer: {said}"
        )

    return react


def _progress(conversation: Conversation) -> tuple[Conversation, list[tuple[str, str]]]:
    """The conversation up to the question, and the observations made since."""
    messages = list(conversation.messages)
    asked = [
        position
        for position, message in enumerate(messages)
        if message.role == "user" and not message.content.startswith(_OBSERVATION)
    ]
    last = asked[-1] if asked else 0
    actions = [
        name
        for message in messages[last:]
        if message.role == "assistant"
        for name in _ACTION.findall(message.content)
    ]
    seen = [
        message.content.removeprefix(_OBSERVATION).strip()
        for message in messages[last + 1 :]
        if message.content.startswith(_OBSERVATION)
    ]
    # The system message tells the format, which is no matter for a plain answer.
    before = [message for message in messages[: last + 1] if message.role != "system"]
    request = ChatRequest(messages=before or [Message(role="user", content="")], model="react")
    return Conversation(request), list(zip(actions, seen, strict=False))


def _tools(system_text: str) -> list[FunctionDefinition]:
    tools = []
    for part in re.split(r"^>[ \t]*(?=Tool Name:)", system_text, flags=re.MULTILINE)[1:]:
        found = _TOOL.match(_until_blank_line(part))
        if found is None:
            continue
        try:
            parameters = json.loads(found["args"])
        except ValueError:
            parameters = {"type": "object", "properties": {}}
        tools.append(
            FunctionDefinition(
                name=found["name"], description=found["description"], parameters=parameters
            )
        )
    return tools


def _until_blank_line(part: str) -> str:
    """A tool's block ends with the line of its arguments."""
    kept = []
    for line in part.splitlines():
        kept.append(line)
        if line.startswith("Tool Args:"):
            break
    return "\n".join(kept)
