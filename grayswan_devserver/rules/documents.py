"""Answers from the texts of the conversation, by quoting the sentences that fit the question.

The sources, in order of preference: the `data` messages, the text inside the user message, and
the system message where it carries a context. Sentences that speak to the model (`untrusted`)
are never quoted, so nothing in a text can make the engine obey it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING

from grayswan_devserver.answers import Answer
from grayswan_devserver.rules.questions import part
from grayswan_devserver.rules.text import content_words, is_heading, sentences
from grayswan_devserver.rules.untrusted import speaks_to_the_model

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grayswan_devserver.rules.conversation import Conversation

__all__ = ["answer_from_sources", "quote"]

NOT_FOUND = "I could not find an answer to that in the text I was given."

_MAX_QUOTED = 2
_SECOND_BEST = 0.6
_HEADING_SHARE = 0.5
_NEIGHBOUR_SHARE = 0.4
_SUMMARY = re.compile(
    r"\b(?:summar|overview|main points|what (?:does|do|is) .* (?:say|about))", re.IGNORECASE
)
# What a client writes where a text was, and above the text itself.
_PLACEHOLDER = re.compile(r"^\[data \d+\]$", re.MULTILINE)
_CONTEXT = re.compile(r"\bcontext\b|-{5,}|\bdocuments?\b", re.IGNORECASE)


def answer_from_sources(conversation: Conversation) -> Answer | None:
    """Answer the last user message from the texts at hand."""
    question = part(conversation.user_text)
    if conversation.data:
        return Answer(quote(question.text, conversation.data) or NOT_FOUND)
    if question.context:
        found = quote(question.text, [question.existing_answer, question.context])
        return Answer(found or question.existing_answer or NOT_FOUND)
    found = ""
    if _CONTEXT.search(conversation.system_text):
        found = quote(question.text, [conversation.system_text])
    return Answer(found) if found else None


def quote(question: str, texts: Sequence[str]) -> str:
    """The sentences of the texts that fit the question best, empty if none does."""
    scored = [each for text in texts for each in _score(question, text)]
    ranked = sorted(scored, key=itemgetter(0), reverse=True)[:_MAX_QUOTED]
    if not ranked or (ranked[0][0] <= 0 and not _SUMMARY.search(question)):
        return ""
    enough = ranked[0][0] * _SECOND_BEST
    return " ".join(dict.fromkeys(sentence for score, sentence in ranked if score >= enough))


def _score(question: str, text: str) -> Iterator[tuple[float, str]]:
    """How well each sentence fits that may be quoted."""
    everything = sentences(_PLACEHOLDER.sub("", text))
    bags = [content_words(sentence) for sentence in everything]
    frequency = Counter(word for bag in bags for word in bag)
    asked = content_words(question)
    heading, before = 0.0, 0.0
    for sentence, bag in zip(everything, bags, strict=True):
        own = sum(1 / (1 + math.log(frequency[word])) for word in asked & bag)
        if speaks_to_the_model(sentence) or sentence.endswith("?"):
            before = 0.0
        elif is_heading(sentence):
            heading, before = own, 0.0
        else:
            yield own + _HEADING_SHARE * heading + _NEIGHBOUR_SHARE * before, sentence
            before = own
