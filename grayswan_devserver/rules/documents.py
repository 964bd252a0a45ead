"""Answers from the texts of the conversation, by quoting the sentences that fit the question.

The sources, in order of preference: the `data` messages, the text inside the user message, and
the system message where it carries a context. Sentences that speak to the model (`untrusted`)
are never quoted, so nothing in a text can make the engine obey it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grayswan_devserver.answers import Answer
from grayswan_devserver.rules.questions import part
from grayswan_devserver.rules.text import content_words, is_heading, sentences, vocabulary
from grayswan_devserver.rules.untrusted import speaks_to_the_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grayswan_devserver.rules.conversation import Conversation

__all__ = ["answer_from_sources", "quote"]

NOT_FOUND = "I could not find an answer to that in the text I was given."

_MAX_QUOTED = 2
_SECOND_BEST = 0.6
_HEADING_SHARE = 0.5
_NEIGHBOUR_SHARE = 0.4
_KIND_BONUS = 1.5
_KIND_SHARE = 0.5
_SUMMARY = re.compile(
    r"\b(?:summar|overview|main points|what (?:does|do|is) .* (?:say|about))", re.IGNORECASE
)
_WEATHER = vocabulary(
    """
    sunny rain rainy raining cloud cloudy clouds snow snowy snowing wind windy storm
    thunderstorm temperature temperatures degrees celsius fahrenheit forecast humid
    humidity shower showers
    """
)
_WEATHER_ASKED = re.compile(r"\bweather\b", re.IGNORECASE)
_WEATHER_TOLD = re.compile(rf"°|\b(?:{'|'.join(sorted(_WEATHER))})\b", re.IGNORECASE)
_KINDS = (
    (
        re.compile(r"\b(?:how (?:many|much|old|long|far|big|tall)|when)\b", re.IGNORECASE),
        re.compile(r"\d"),
    ),
    (re.compile(r"\bwho\b", re.IGNORECASE), re.compile(r"\b[A-Z][a-z]+ [A-Z][a-z]+")),
)


@dataclass(frozen=True)
class _Scored:
    """A sentence, how well it fits, and whether it is of the kind that was asked for."""

    score: float
    of_kind: bool
    sentence: str


def answer_from_sources(conversation: Conversation) -> Answer | None:
    """Answer the last user message from the texts at hand."""
    question = part(conversation.user_text)
    if conversation.data:
        return Answer(quote(question.text, conversation.data) or NOT_FOUND)
    if question.context:
        earlier = [question.existing_answer] if question.existing_answer else []
        found = quote(question.text, [*earlier, question.context])
        return Answer(found or question.existing_answer or NOT_FOUND)
    if _carries_context(conversation.system_text):
        found = quote(question.text, [conversation.system_text])
        if found:
            return Answer(found)
    return None


def quote(question: str, texts: Sequence[str]) -> str:
    """The sentences of the texts that fit the question best, empty if none does."""
    ranked = sorted(
        (scored for text in texts for scored in _score(question, text)),
        key=lambda scored: -scored.score,
    )
    if not ranked:
        return ""
    if ranked[0].score <= 0:
        if not _SUMMARY.search(question):
            return ""
        return " ".join(scored.sentence for scored in ranked[:_MAX_QUOTED])
    enough = ranked[0].score * _SECOND_BEST
    best = [
        scored
        for scored in ranked[:_MAX_QUOTED]
        if scored.score >= enough and scored.of_kind == ranked[0].of_kind
    ]
    return " ".join(dict.fromkeys(scored.sentence for scored in best))


def _score(question: str, text: str) -> list[_Scored]:
    """Every sentence that may be quoted, with how well it fits."""
    everything = sentences(text)
    bags = [content_words(sentence) for sentence in everything]
    frequency = Counter(word for bag in bags for word in bag)
    asked = content_words(question)

    def weight(bag: set[str]) -> float:
        return sum(1 / (1 + math.log(frequency[word])) for word in asked & bag)

    scored: list[_Scored] = []
    heading, before = 0.0, 0.0
    for sentence, bag in zip(everything, bags, strict=True):
        own = weight(bag)
        if speaks_to_the_model(sentence) or sentence.endswith("?"):
            before = 0.0
        elif is_heading(sentence):
            heading, before = own, 0.0
        else:
            score = own + _HEADING_SHARE * heading + _NEIGHBOUR_SHARE * before
            bonus = _bonus(question, sentence, score)
            scored.append(_Scored(score + bonus, bonus > 0, sentence))
            before = own
    return scored


def _bonus(question: str, sentence: str, score: float) -> float:
    """More for a sentence that says what the question asks for, as a figure or a forecast."""
    if _WEATHER_ASKED.search(question) and _WEATHER_TOLD.search(sentence):
        return _KIND_BONUS
    fitting = any(asks.search(question) and fits.search(sentence) for asks, fits in _KINDS)
    return score * _KIND_SHARE if fitting else 0.0


def _carries_context(system_text: str) -> bool:
    return bool(re.search(r"\bcontext\b|-{5,}|\bdocuments?\b", system_text, re.IGNORECASE))
