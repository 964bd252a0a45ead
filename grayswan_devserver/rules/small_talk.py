"""Answers that need no source: echoes, sums, greetings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grayswan_devserver.answers import Answer
from grayswan_devserver.rules.arithmetic import compute
from grayswan_devserver.rules.text import words

if TYPE_CHECKING:
    from grayswan_devserver.rules.conversation import Conversation

__all__ = ["answer_anything", "answer_arithmetic", "answer_echo", "answer_small_talk"]

_ECHO = re.compile(
    r"\W*(?:please )?(?:repeat|echo|say)\b[^:\n]*:\s*(.+)", re.IGNORECASE | re.DOTALL
)
_GREETING = "Hello! How can I help you today?"
_TALK = (
    (r"\bhow are you\b", "I am doing well, thank you. How can I help you?"),
    (r"\b(?:thanks|thank you)\b", "You are welcome."),
    (r"\b(?:hello|hi|hey|good (?:morning|afternoon|evening))\b", _GREETING),
)
_SHORT = 6
_LONG = 20
_NAMED = 5


def answer_echo(conversation: Conversation) -> Answer | None:
    """Repeat what stands after the colon where the user asks for that."""
    found = _ECHO.match(conversation.user_text)
    return Answer(found[1].strip()) if found else None


def answer_arithmetic(conversation: Conversation) -> Answer | None:
    """Work out a small sum."""
    solved = None if conversation.data else compute(conversation.user_text)
    return None if solved is None else Answer(f"{solved[0]} = {solved[1]}")


def answer_small_talk(conversation: Conversation) -> Answer | None:
    """Answer a greeting."""
    text = conversation.user_text
    if len(words(text)) > _SHORT:
        return None
    said = (answer for pattern, answer in _TALK if re.search(pattern, text, re.IGNORECASE))
    return next(map(Answer, said), None)


def answer_anything(conversation: Conversation) -> Answer:
    """Say that there is nothing to answer from, in the user's words, and when a tool is called."""
    asked = conversation.user_text.split()
    if not asked:
        return Answer(_GREETING)
    shown = " ".join(asked[:_LONG]) + (" …" if len(asked) > _LONG else "")
    return Answer(
        f"You said: “{shown}” This local engine answers from the text it is given, and it was "
        f"given none about that.{_about_tools(conversation)}"
    )


def _about_tools(conversation: Conversation) -> str:
    names = [tool.name for tool in conversation.tools]
    if not names:
        return ""
    more = ", …" if len(names) > _NAMED else ""
    return (
        f" It calls a tool ({', '.join(names[:_NAMED])}{more}) when the words of its name are in"
        " the question, or tool_choice names it."
    )
