"""Fixed forms of answer that frameworks ask for in words and then parse.

* a choice from a numbered list, as JSON or as `ANSWER: 2`
* `YES` or `NO`: whether a text supports a statement
* a ranking: `Doc: 9, Relevance: 7`
* keywords: `KEYWORDS: a, b`
* a follow-up question that is to be rephrased: it is given back as it is
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from grayswan_devserver.answers import Answer
from grayswan_devserver.rules.text import content_words, sentences, words

if TYPE_CHECKING:
    from grayswan_devserver.rules.conversation import Conversation

__all__ = [
    "answer_choice",
    "answer_keywords",
    "answer_ranking",
    "answer_rephrased",
    "answer_yes_no",
]

_CHOICES = re.compile(r"choices (?:are given below|above)", re.IGNORECASE)
_CHOICE = re.compile(r"^\((\d+)\)\s*(.*?)(?=^\(\d+\)|^-{5,}|\Z)", re.MULTILINE | re.DOTALL)
_CHOICE_QUESTION = re.compile(r"relevant to the\s+question: '(.*?)'\s*$", re.MULTILINE | re.DOTALL)
_YES_NO = re.compile(r"\bYES\b.{0,12}\bNO\b")
_STATEMENT = re.compile(r"^(?:Information|Query and Response):", re.MULTILINE)
_RULE = re.compile(r"-{5,}")
_RANKING = re.compile(r"^Doc: \d+, Relevance: \d+", re.MULTILINE)
_DOCUMENT = re.compile(
    r"^Document (\d+):\s*\n(.*?)(?=^Document \d+:|^Question:|\Z)", re.MULTILINE | re.DOTALL
)
_RANKING_QUESTION = re.compile(r"^Question:\s*(.*?)\s*\nAnswer:", re.MULTILINE)
_KEYWORDS = "'KEYWORDS: <keywords>'"
_HOW_MANY = re.compile(r"\b(?:up to|no more than) (\d+)\b")
_FOLLOW_UP = re.compile(
    r"(?:<Follow Up Message>|Follow[ -]Up (?:Input|Question|Message):)\s*(.+?)\s*"
    r"(?:<?Standalone question)",
    re.IGNORECASE | re.DOTALL,
)
_SUPPORTED = 0.6
_BEST_RELEVANCE = 10


def answer_choice(conversation: Conversation) -> Answer | None:
    """Pick from a numbered list what has most words of the question."""
    text = conversation.user_text
    question = _CHOICE_QUESTION.search(text)
    if question is None or not _CHOICES.search(text):
        return None
    ranked = _ranked(question.group(1), _CHOICE.findall(text))
    if not ranked:
        return None
    if "ANSWER: <number" in text:
        return Answer(f"ANSWER: {ranked[0][1]}. It has most words of the question.")
    # The instructions on the form stand in the message or in the system message.
    several = "top choices" in text and _HOW_MANY.search(text) is not None
    chosen = [number for shared, number in ranked if shared > 0] if several else []
    most = _HOW_MANY.search(text) if several else None
    chosen = (chosen or [ranked[0][1]])[: int(most.group(1)) if most else 1]
    reason = "It has most words of the question."
    return Answer(json.dumps([{"choice": number, "reason": reason} for number in chosen]))


def answer_yes_no(conversation: Conversation) -> Answer | None:
    """Say whether a context has most of the words of a statement."""
    text = conversation.user_text
    if not _YES_NO.search(text):
        return None
    said, context = _statement_and_context(text)
    supported = bool(said) and len(said & context) >= _SUPPORTED * len(said)
    return Answer("YES" if supported else "NO")


def _statement_and_context(text: str) -> tuple[set[str], set[str]]:
    """The words of the last statement, after any examples, and of the context it is put to."""
    starts = [found.end() for found in _STATEMENT.finditer(text)]
    if starts:
        said, _, context = text[starts[-1] :].partition("\nContext:")
        return content_words(said), content_words(context.rpartition("\nAnswer:")[0])
    # The form that refines an earlier answer: the statement ends the first paragraph's sentence,
    # the context stands between two rules.
    parts = _RULE.split(text)
    said = parts[0].partition(":")[2].partition("We have provided")[0]
    return content_words(said), content_words(parts[1] if len(parts) > 1 else "")


def answer_ranking(conversation: Conversation) -> Answer | None:
    """Rank numbered documents by the words they share with the question."""
    text = conversation.user_text
    questions = _RANKING_QUESTION.findall(text)
    if not questions or not _RANKING.search(text):
        return None
    documents = _DOCUMENT.findall(text.rpartition("Let's try this now")[2])
    asked = content_words(questions[-1])
    lines = [
        f"Doc: {number}, Relevance: {max(1, round(_BEST_RELEVANCE * shared / len(asked)))}"
        for shared, number in _ranked(questions[-1], documents)
        if shared > 0
    ]
    return Answer("\n".join(lines))


def answer_keywords(conversation: Conversation) -> Answer | None:
    """List the words of a text that carry meaning, the most frequent first."""
    parts = _RULE.split(conversation.user_text)
    if len(parts) <= 1 or _KEYWORDS not in conversation.user_text:
        return None
    most = _HOW_MANY.search(conversation.user_text)
    said = words(parts[1])
    candidates = [word for word in dict.fromkeys(said) if content_words(word)]
    candidates.sort(key=lambda word: -said.count(word))
    return Answer("KEYWORDS: " + ", ".join(candidates[: int(most.group(1)) if most else 10]))


def answer_rephrased(conversation: Conversation) -> Answer | None:
    """Give a follow-up question back."""
    found = _FOLLOW_UP.search(conversation.user_text)
    return Answer(found.group(1)) if found else None


def _ranked(question: str, numbered: list[tuple[str, str]]) -> list[tuple[int, int]]:
    """How many words each text shares with the question, and its number; the most first."""
    asked = content_words(question)
    shared = [
        (
            max((len(asked & content_words(part)) for part in [*sentences(text), text]), default=0),
            int(number),
        )
        for number, text in numbered
    ]
    return sorted(shared, key=lambda item: (-item[0], item[1]))
