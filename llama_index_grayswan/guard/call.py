"""Calls of a protected LLM: LlamaIndex's responses, and who makes the checks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from llama_index.core.base.llms.types import ChatMessage

from grayswan_core import CygnalViolationError, Judgement
from grayswan_core.cygnal.call import AsyncGuardedCall, GuardedCall, Outcome, ResponseDialect
from grayswan_core.cygnal.protection import Protection
from grayswan_core.decoding.tool_calls import parse_arguments, past_call
from grayswan_core.wire import MonitorMessage, ToolCall
from llama_index_grayswan.guard.events import arun_checks, run_checks
from llama_index_grayswan.guard.holdback import ResponseHoldback
from llama_index_grayswan.guard.reading import DIALECT, made_calls
from llama_index_grayswan.guard.refusing import message_of, noted, refusal, violation_error

__all__ = ["acall", "call"]


def call(
    protection: Protection, messages: Sequence[ChatMessage], kind: type[Any]
) -> GuardedCall[ChatMessage, Any, Any]:
    """A sync call.

    Args:
        protection: What is judged.
        messages: The conversation.
        kind: The class of the response.
    """
    run = partial(run_checks, guard=protection.guard)
    return GuardedCall(_Responses(protection, kind), messages, run)


def acall(
    protection: Protection, messages: Sequence[ChatMessage], kind: type[Any]
) -> AsyncGuardedCall[ChatMessage, Any, Any]:
    """`call`, async."""
    run = partial(arun_checks, guard=protection.guard)
    return AsyncGuardedCall(_Responses(protection, kind), messages, run)


class _Responses(ResponseDialect[ChatMessage, Any, Any]):
    """LlamaIndex's responses of one class."""

    def __init__(self, protection: Protection, kind: type[Any]) -> None:
        super().__init__(protection, DIALECT)
        self._kind = kind

    def answers(self, response: Any) -> list[ChatMessage]:
        return [message_of(response)]

    def calls(self, answer: ChatMessage) -> list[ToolCall]:
        return list(map(_anonymous, made_calls(answer)))

    def take(self, response: Any, outcomes: Sequence[Outcome]) -> Any:
        (outcome,) = outcomes
        if outcome.blocked:
            return refusal(self.protection, outcome.blocked, self._kind, response)
        return noted(response, outcome.report)

    def refuse(self, judgement: Judgement) -> Any:
        return refusal(self.protection, judgement, self._kind, None)

    def refuse_chunk(self, judgement: Judgement) -> Any:
        return self.refuse(judgement)

    def error(self, judgement: Judgement, answer: ChatMessage | None) -> CygnalViolationError:
        return violation_error(self.protection, judgement)

    def holdback(self, context: Sequence[MonitorMessage]) -> ResponseHoldback:
        return ResponseHoldback(self.protection, context, self._kind)


def _anonymous(call: ToolCall) -> ToolCall:
    """A call as a tool knows it: with its arguments, and without an ID."""
    text = call.function.arguments
    with suppress(ValueError):
        return past_call(None, call.function.name, parse_arguments(text))
    return past_call(None, call.function.name, text)
