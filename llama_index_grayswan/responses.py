"""Cygnet's answers and chunks to LlamaIndex's responses. Field mapping only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    MessageRole,
    TextBlock,
    ToolCallBlock,
)

from grayswan_core import ChatResponse as CygnetResponse
from grayswan_core import Chunk
from grayswan_core.decoding.tool_calls import CallSoFar, ToolCallAssembler
from grayswan_core.prototype import Prototype
from grayswan_core.wire import REFUSALS, ResponseMessage, UsageDelta

__all__ = ["ChunkReader", "response_from_cygnet"]

_TEXT = Prototype(TextBlock(text=""))
_MESSAGE = Prototype(ChatMessage(role=MessageRole.ASSISTANT, blocks=[], additional_kwargs={}))
_RESPONSE = Prototype(
    ChatResponse(message=ChatMessage(), delta=None, raw=None, additional_kwargs={})
)

_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


def response_from_cygnet(response: CygnetResponse, names: Mapping[str, str]) -> ChatResponse:
    """An answer as LlamaIndex keeps it: the first choice as the message, all of it in `raw`.

    Args:
        response: The answer.
        names: The own names of tools that were offered under another one.
    """
    choice = response.choices[0]
    text = choice.message.content or choice.message.refusal or ""
    return _response(
        text,
        _blocks(_calls_of(choice.message), names),
        response.model_dump(),
        finish_reason=choice.finish_reason,
    )


class ChunkReader:
    """Turns the chunks of one stream into LlamaIndex's: each holds the answer so far.

    What is said once about the whole answer, its finish reason and usage, is on every response
    from there on: whoever keeps the last response has it all.

    Args:
        names: The own names of tools that were offered under another one.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._text = ""
        self._assembler = ToolCallAssembler()
        self._calls: list[ToolCallBlock] = []
        self._finish_reason: str | None = None
        self._usage: UsageDelta | None = None

    def read(self, chunk: Chunk) -> ChatResponse:
        """The answer so far, with what this chunk adds as `delta`."""
        text = ""
        for choice in chunk.get("choices", ()):
            delta = choice.get("delta") or {}
            text += delta.get("content") or delta.get("refusal") or ""
            self._finish_reason = choice.get("finish_reason") or self._finish_reason
            if calls := delta.get("tool_calls"):
                for call in calls:
                    self._assembler.add(call)
                self._calls = _blocks(self._assembler.calls(), self._names)
        self._text += text
        self._usage = chunk.get("usage") or self._usage
        return _response(
            self._text,
            self._calls,
            {**chunk, "usage": self._usage},
            finish_reason=self._finish_reason,
            delta=text,
        )


def _response(
    text: str,
    calls: Sequence[ToolCallBlock],
    raw: dict[str, Any],
    *,
    finish_reason: str | None,
    delta: str | None = None,
) -> ChatResponse:
    about: dict[str, Any] = {"finish_reason": finish_reason} if finish_reason else {}
    if raw["usage"]:
        about.update((name, raw["usage"].get(name, 0)) for name in _COUNTS)
    kept: dict[str, Any] = {}
    if calls:
        # Streamed structured output reads the calls here; agents read the blocks.
        kept["tool_calls"] = [_mirrored(call) for call in calls]
    if finish_reason in REFUSALS:
        # Agents and chat engines hand on the message alone.
        about["content_filter"] = kept["content_filter"] = True
    message = _MESSAGE.like(blocks=[_TEXT.like(text=text), *calls], additional_kwargs=kept)
    return _RESPONSE.like(message=message, delta=delta, raw=raw, additional_kwargs=about)


def _calls_of(message: ResponseMessage) -> list[CallSoFar]:
    return [
        CallSoFar(call.id, call.function.name, call.function.arguments)
        for call in message.tool_calls or ()
    ]


def _blocks(calls: Sequence[CallSoFar], names: Mapping[str, str]) -> list[ToolCallBlock]:
    return [
        ToolCallBlock(
            tool_call_id=call.id,
            tool_name=names.get(call.name, call.name),
            tool_kwargs=call.arguments,
        )
        for call in calls
    ]


def _mirrored(call: ToolCallBlock) -> dict[str, Any]:
    """A call as OpenAI writes it, which is what other integrations keep there."""
    function = {"name": call.tool_name, "arguments": call.tool_kwargs}
    return {"id": call.tool_call_id, "type": "function", "function": function}
