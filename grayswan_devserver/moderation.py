"""Moderation by a list of phrases: deterministic, and no judge of anything.

A phrase of `PHRASES` in the text, in any case and with any white space, is a hit. Phrases that
stand in double quotes in a `moderation_prompt` are looked for too, as category `custom`.

* `detected` is `1 - 0.1 ** hits`: 0 without a hit, 0.9 with one, 0.99 with two.
* `passed` is `1 - detected`, and `flagged` says that there was a hit.
* `categories` lists the categories with a hit.
* `rewrite`, when asked for, is the text with every hit replaced by `[removed]`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from grayswan_devserver.answers import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["MODERATION_TRIGGER", "PHRASES", "REFUSAL", "Verdict", "moderate", "phrase_pattern"]

MODERATION_TRIGGER = "[[trigger-moderation]]"
"""A phrase without a meaning that is always flagged."""

REFUSAL = Answer(
    "I cannot help with that: the moderation flagged the request.", finish_reason="content_filter"
)
"""What a chat request with `moderate_before` gets when a user message of it is flagged."""

PHRASES: Mapping[str, Sequence[str]] = {
    "test": (MODERATION_TRIGGER,),
    "violence": ("build a bomb", "make a bomb", "hurt someone", "kill someone"),
    "self-harm": ("hurt myself", "kill myself"),
    "crime": ("steal a credit card", "steal a password", "launder money"),
    "prompt-injection": (
        "ignore previous instructions",
        "ignore all previous instructions",
        "ignore your instructions",
        "reveal your system prompt",
    ),
}

_QUOTED = re.compile(r'"([^"]+)"')


@dataclass(frozen=True)
class Verdict:
    """What the moderation found; the scores go from 0 to 1."""

    detected: float
    categories: list[str]
    rewrite: str

    @property
    def flagged(self) -> bool:
        return bool(self.categories)

    @property
    def passed(self) -> float:
        return round(1 - self.detected, 6)


def moderate(text: str, prompt: str | None = None) -> Verdict:
    """Look for the phrases in a text.

    Args:
        text: what is to be moderated.
        prompt: further phrases, each in double quotes.
    """
    hits, categories = 0, []
    for category, phrases in {**PHRASES, "custom": _QUOTED.findall(prompt or "")}.items():
        found = 0
        for phrase in phrases:
            text, count = phrase_pattern(phrase).subn("[removed]", text)
            found += count
        hits += found
        if found:
            categories.append(category)
    return Verdict(round(1 - 0.1**hits, 6), categories, text)


@cache
def phrase_pattern(phrase: str) -> re.Pattern[str]:
    """A phrase, in any case and with any white space between its words."""
    return re.compile(r"\s+".join(map(re.escape, phrase.split())), re.IGNORECASE)
