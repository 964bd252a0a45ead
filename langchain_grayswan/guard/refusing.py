"""What stands in place of what is blocked: refusals, and placeholders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    ToolMessage,
)
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk

from grayswan_core import Judgement
from grayswan_core.cygnal.history import REMOVED_INPUT, REMOVED_RESULT
from grayswan_core.cygnal.protection import Protection
from langchain_grayswan.errors import CygnalViolationError
from langchain_grayswan.refusals import PROVIDER

__all__ = [
    "REPORT",
    "is_refused_input",
    "placeholder",
    "refusal",
    "refusal_chunk",
    "removed_result",
    "report_of",
    "stamped",
    "violation_error",
]

REPORT = "cygnal"
"""Where a message's `response_metadata` has the judgement."""

# Of a blocked response nothing is kept but this: log probabilities, for example, spell it out.
_KEPT_METADATA = ("model_name", "system_fingerprint", "service_tier")


def refusal(
    protection: Protection, judgement: Judgement, answer: AIMessage | None, *, released: str = ""
) -> AIMessage:
    """The message that stands in place of a blocked one.

    Args:
        protection: What is said.
        judgement: Why it is blocked.
        answer: The blocked message, of which ID, usage and the model's name are kept.
        released: Its text that had been released before.
    """
    said = protection.message(judgement)
    metadata: dict[str, Any] = answer.response_metadata if answer is not None else {}
    return AIMessage(
        content=released or said,
        additional_kwargs={"refusal": said},
        id=answer.id if answer is not None else None,
        usage_metadata=answer.usage_metadata if answer is not None else None,
        response_metadata={
            **{key: metadata[key] for key in _KEPT_METADATA if key in metadata},
            "model_provider": PROVIDER,
            "finish_reason": "violation",
            REPORT: judgement.report(),
        },
    )


def refusal_chunk(
    protection: Protection,
    judgement: Judgement,
    answer: AIMessage | None,
    *,
    released: str = "",
    provider: str | None = None,
) -> ChatGenerationChunk:
    """The chunk that ends a stream where something is blocked; released text is not said again.

    Args:
        protection: What is said.
        judgement: Why it is blocked.
        answer: The blocked message, or what of it has not been released.
        released: Its text that had been released.
        provider: Whose model released it. LangChain reads the blocks of a message by its provider,
            and ours alone has a refusal beside the text, so for others it is in the content.
    """
    message = refusal(protection, judgement, answer, released=released)
    fields = message.model_dump(exclude={"type", "content"})
    content: Any = message.content
    if released:
        content = ""
        fields["response_metadata"].pop("model_provider")
        if provider != PROVIDER:
            content = [{"type": "refusal", "refusal": fields["additional_kwargs"]["refusal"]}]
    return ChatGenerationChunk(
        message=AIMessageChunk(content=content, chunk_position="last", **fields)
    )


def violation_error(
    protection: Protection, judgement: Judgement, answer: AIMessage | None = None
) -> CygnalViolationError:
    """The error for something that is blocked."""
    message = protection.error_message(judgement)
    error = CygnalViolationError(message, report=judgement.report())
    error.raw_message = refusal(protection, judgement, answer)  # type: ignore[attr-defined]
    return error


def stamped(generation: ChatGeneration, report: Mapping[str, Any]) -> None:
    """Note on a message that was judged how."""
    metadata = generation.message.response_metadata
    generation.message.response_metadata = {**metadata, REPORT: dict(report)}


def report_of(message: BaseMessage) -> dict[str, Any] | None:
    """The judgement that is noted on a message, or None."""
    report = message.response_metadata.get(REPORT)
    return report if isinstance(report, dict) else None


def is_refused_input(message: BaseMessage) -> bool:
    """Whether a message is the refusal of what the user said before it."""
    report = report_of(message) if isinstance(message, AIMessage) else None
    return report is not None and report.get("stage") == "input" and report.get("blocked") is True


def placeholder(message: BaseMessage) -> BaseMessage:
    """What stands in a state for a flagged message of the user's."""
    return HumanMessage(REMOVED_INPUT, id=message.id)


def removed_result(message: BaseMessage, judgement: Judgement) -> BaseMessage:
    """What stands for a flagged result of a tool, or for other flagged data."""
    text = REMOVED_RESULT.format(reasons=", ".join(judgement.reasons))
    update: dict[str, Any] = {"content": text, "additional_kwargs": {REPORT: judgement.report()}}
    if isinstance(message, ToolMessage):
        update |= {"status": "error", "artifact": None}
    return message.model_copy(update=update)
