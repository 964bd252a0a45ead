"""Calls of a protected model: LangChain's responses, and who makes the checks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from langchain_core.callbacks.base import BaseCallbackManager
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from grayswan_core import Judgement
from grayswan_core.cygnal.call import AsyncGuardedCall, GuardedCall, Outcome, ResponseDialect
from grayswan_core.cygnal.protection import Protection
from grayswan_core.wire import MonitorMessage
from langchain_grayswan.errors import CygnalViolationError
from langchain_grayswan.guard.checks import arun_checks, run_checks
from langchain_grayswan.guard.holdback import ChunkHoldback
from langchain_grayswan.guard.reading import DIALECT
from langchain_grayswan.guard.refusing import refusal, refusal_chunk, stamped, violation_error

__all__ = ["acall", "call"]

# Of a model's output beside its messages, when one of them is blocked.
_KEPT_OUTPUT = ("model_name", "token_usage")


def call(
    protection: Protection, messages: Sequence[BaseMessage], manager: BaseCallbackManager | None
) -> GuardedCall[BaseMessage, ChatResult, ChatGenerationChunk]:
    """A sync call.

    Args:
        protection: What is judged.
        messages: The conversation.
        manager: Whose children the checks are.
    """
    run = partial(run_checks, protection.guard, manager=manager)
    return GuardedCall(_Responses(protection, DIALECT), messages, run)


def acall(
    protection: Protection, messages: Sequence[BaseMessage], manager: BaseCallbackManager | None
) -> AsyncGuardedCall[BaseMessage, ChatResult, ChatGenerationChunk]:
    """`call`, async."""
    run = partial(arun_checks, protection.guard, manager=manager)
    return AsyncGuardedCall(_Responses(protection, DIALECT), messages, run)


class _Responses(ResponseDialect[BaseMessage, ChatResult, ChatGenerationChunk]):
    """LangChain's responses."""

    def answers(self, response: ChatResult) -> list[BaseMessage]:
        return [generation.message for generation in response.generations]

    def take(self, response: ChatResult, outcomes: Sequence[Outcome]) -> ChatResult:
        pairs = zip(response.generations, outcomes, strict=True)
        output = response.llm_output or {}
        if any(outcome.blocked for outcome in outcomes):
            output = {name: output[name] for name in _KEPT_OUTPUT if name in output}
        return ChatResult(generations=[self._taken(*pair) for pair in pairs], llm_output=output)

    def refuse(self, judgement: Judgement) -> ChatResult:
        message = refusal(self.protection, judgement, None)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def refuse_chunk(self, judgement: Judgement) -> ChatGenerationChunk:
        return refusal_chunk(self.protection, judgement, None)

    def error(self, judgement: Judgement, answer: BaseMessage | None) -> CygnalViolationError:
        return violation_error(self.protection, judgement, _of_model(answer))

    def holdback(self, context: Sequence[MonitorMessage]) -> ChunkHoldback:
        return ChunkHoldback(self.protection, context)

    def _taken(self, generation: ChatGeneration, outcome: Outcome) -> ChatGeneration:
        if outcome.blocked:
            answer = _of_model(generation.message)
            return ChatGeneration(message=refusal(self.protection, outcome.blocked, answer))
        stamped(generation, outcome.report)
        return generation


def _of_model(message: BaseMessage | None) -> AIMessage | None:
    """The message, of which a refusal keeps the frame, if it is of LangChain's class for models."""
    return message if isinstance(message, AIMessage) else None
