"""Refusing on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grayswan_devserver.answers import Answer

if TYPE_CHECKING:
    from grayswan_devserver.rules.conversation import Conversation

__all__ = ["REFUSAL_TRIGGER", "refuse"]

REFUSAL_TRIGGER = "[[trigger-refusal]]"
"""A last user message that contains this phrase is refused with `content_filter`."""


def refuse(conversation: Conversation) -> Answer | None:
    """Refuse where the user asks for it; the phrase in other roles has no effect."""
    if REFUSAL_TRIGGER not in conversation.user_text:
        return None
    return Answer("I'm sorry, but I can't help with that.", finish_reason="content_filter")
