"""Answers from what was said before in the conversation.

A question is answered with the latest earlier statement that has at least half of its words
that carry meaning; the user's "my" and "I" become "your" and "you".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from grayswan_devserver.answers import Answer
from grayswan_devserver.rules.text import content_words, sentences, stem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grayswan_devserver.rules.conversation import Conversation

__all__ = ["answer_from_memory"]

_QUESTION = re.compile(
    r"[?\uff1f]|^\W*(?:what|who|where|when|which|how|do|does|did|tell me)\b", re.IGNORECASE
)
_WHO_AM_I = re.compile(r"\bwho am i\b", re.IGNORECASE)
_JUST_SAID = re.compile(
    r"\bwhat (?:did i|was my)\b.*\b(?:say|said|ask|asked|message|question)\b", re.IGNORECASE
)
_INTRODUCTION = re.compile(r"\b(?:I'm|I am|call me)\s+(?=[A-Z])")
_NAME = stem("name")
_OTHER_PERSON = {
    "i'm": "you are",
    "i am": "you are",
    "i've": "you have",
    "i'll": "you will",
    "i was": "you were",
    "my": "your",
    "mine": "yours",
    "myself": "yourself",
    "me": "you",
    "i": "you",
}
_FIRST_PERSON = re.compile(r"\b(?:" + "|".join(_OTHER_PERSON) + r")\b", re.IGNORECASE)
_HALF = 0.5


def answer_from_memory(conversation: Conversation) -> Answer | None:
    """Answer a question about the conversation itself."""
    question = conversation.user_text
    if not _QUESTION.search(question):
        return None
    earlier = [message for message in conversation.earlier if message.role == "user"]
    if _JUST_SAID.search(question) and earlier:
        return Answer(f"You said: “{earlier[-1].content}”")
    asked = {_NAME} if _WHO_AM_I.search(question) else content_words(question)
    best, best_share = None, 0.0
    for statement, bag in _statements(conversation):
        share = len(asked & bag) / len(asked) if asked else 0.0
        if share >= _HALF and share > best_share:
            best, best_share = statement, share
    return None if best is None else Answer(best)


def _statements(conversation: Conversation) -> Iterator[tuple[str, set[str]]]:
    """What was stated, the latest first, as the assistant would say it."""
    for message in reversed(conversation.earlier):
        for sentence in sentences(message.content):
            if sentence.endswith(("?", "\uff1f")):
                continue
            bag = content_words(sentence)
            if _INTRODUCTION.search(sentence):
                bag.add(_NAME)
            yield (_turned(sentence) if message.role == "user" else sentence), bag


def _turned(sentence: str) -> str:
    turned = _FIRST_PERSON.sub(lambda found: _OTHER_PERSON[found.group().lower()], sentence)
    return turned[:1].upper() + turned[1:]
