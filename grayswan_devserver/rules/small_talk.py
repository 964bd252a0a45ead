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
    r"^\W*(?:please\s+)?(?:repeat|echo|say)\b(?:\s+(?:after me|back|exactly|this|"
    r"the following(?: words?| text| phrase| sentence)?|the (?:words?|text|phrase|sentence)))*"
    r"(?:\s+exactly)?\s*[:,]?\s*(.+)$",
    re.IGNORECASE | re.DOTALL,
)
_ECHO_ALWAYS = re.compile(
    r"\b(?:repeat|echo)\b[^.\n]*\b(?:user|input|message|back|exactly|verbatim)\b", re.IGNORECASE
)
_TALK = (
    (
        re.compile(r"\bhow are you\b", re.IGNORECASE),
        "I am doing well, thank you. How can I help you?",
    ),
    (re.compile(r"\b(?:thanks|thank you)\b", re.IGNORECASE), "You are welcome."),
    (re.compile(r"\b(?:goodbye|bye|good night)\b", re.IGNORECASE), "Goodbye!"),
    (re.compile(r"\b(?:hello|hi|hey|good (?:morning|afternoon|evening))\b", re.IGNORECASE), ""),
)
_GREETING = "Hello! How can I help you today?"
_SHORT = 6
_LONG = 20
_QUOTES = "\"'“”\u2018\u2019`"


def answer_echo(conversation: Conversation) -> Answer | None:
    """Repeat what the user, or the system message, asks to be repeated."""
    if _ECHO_ALWAYS.search(conversation.system_text):
        return Answer(conversation.user_text)
    found = _ECHO.match(conversation.user_text.strip())
    if not found:
        return None
    text = found.group(1).strip()
    quoted = len(text) > 1 and text[0] in _QUOTES and text[-1] in _QUOTES
    return Answer(text[1:-1] if quoted else text)


def answer_arithmetic(conversation: Conversation) -> Answer | None:
    """Work out a small sum."""
    solved = None if conversation.data else compute(conversation.user_text)
    return None if solved is None else Answer(f"{solved[0]} = {solved[1]}")


def answer_small_talk(conversation: Conversation) -> Answer | None:
    """Answer a greeting."""
    text = conversation.user_text
    if len(words(text)) > _SHORT:
        return None
    for pattern, answer in _TALK:
        if pattern.search(text):
            return Answer(answer or _GREETING)
    return None


def answer_anything(conversation: Conversation) -> Answer:
    """Say that there is nothing to answer from, in the user's words."""
    asked = conversation.user_text.split()
    if not asked:
        return Answer(_GREETING)
    shown = " ".join(asked[:_LONG]) + (" …" if len(asked) > _LONG else "")
    return Answer(
        f"You said: “{shown}” This local engine answers from the text it is given, and it was "
        "given none about that."
    )
