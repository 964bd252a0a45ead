"""The engine that answers by rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from grayswan_devserver.answers import Answer, play
from grayswan_devserver.rules.conversation import Conversation
from grayswan_devserver.rules.demands import call_demanded_tool
from grayswan_devserver.rules.documents import answer_from_sources
from grayswan_devserver.rules.refusal import refuse
from grayswan_devserver.rules.small_talk import (
    answer_anything,
    answer_arithmetic,
    answer_echo,
    answer_small_talk,
)
from grayswan_devserver.rules.tools import call_named_tool, call_wanted_tools

if TYPE_CHECKING:
    from grayswan_core.wire import ChatRequest
    from grayswan_devserver.engine import Pieces

__all__ = ["SKILLS", "RulesEngine", "Skill"]

Skill: TypeAlias = Callable[[Conversation], Answer | None]
"""Answers a conversation, or leaves it to the next skill with `None`."""

SKILLS: tuple[Skill, ...] = (
    refuse,
    call_named_tool,
    call_demanded_tool,
    call_wanted_tools,
    answer_echo,
    answer_arithmetic,
    answer_from_sources,
    answer_small_talk,
    answer_anything,
)
"""In the order they are asked; the last one answers everything."""


class RulesEngine:
    """Answers by rules: the first skill that has an answer gives it.

    The same request always gets the same answer. `temperature`, `top_p` and
    `frequency_penalty` are accepted and make no difference; `n` answers are `n` times the same.

    Args:
        skills: asked in this order; put one of your own before `SKILLS` to add to them.
    """

    fingerprint = "rules-1"

    def __init__(self, skills: tuple[Skill, ...] = SKILLS) -> None:
        self._skills = skills

    def generate(self, request: ChatRequest) -> Pieces:
        """Answer one request."""
        yield from play(self.answer(Conversation(request)), request)

    def answer(self, conversation: Conversation) -> Answer:
        """The whole answer, before `max_tokens` cuts it."""
        answers = (skill(conversation) for skill in self._skills)
        return next((answer for answer in answers if answer is not None), Answer())
