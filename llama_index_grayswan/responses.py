"""Cygnet responses and chunks to LlamaIndex responses. Field mapping only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    MessageRole,
    TextBlock,
    ToolCallBlock,
)

from grayswan_core import Accumulator, Chunk
from grayswan_core import ChatResponse as CygnetResponse
from grayswan_core.decoding.tool_calls import CallSoFar, json_arguments
from grayswan_core.prototype import Prototype
from grayswan_core.wire import REFUSALS, Delta, ResponseMessage, UsageDelta
from llama_index_grayswan.refusals import MessageText, text_parts

__all__ = ["ChunkReader", "response_from_cygnet"]

_TEXT = Prototype(TextBlock(text=""))
_CALL = Prototype(ToolCallBlock(tool_call_id="", tool_name="", tool_kwargs=""))
_MESSAGE = Prototype(ChatMessage(role=MessageRole.ASSISTANT, blocks=[], additional_kwargs={}))
_RESPONSE = Prototype(
    ChatResponse(message=ChatMessage(), delta=None, raw=None, additional_kwargs={})
)

_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


def response_from_cygnet(response: CygnetResponse, names: Mapping[str, str]) -> ChatResponse:
    """A whole response as LlamaIndex keeps it: the first choice as the message, all in `raw`.

    Args:
        response: The response.
        names: The own names of tools that were offered under another one.
    """
    choice = response.choices[0]
    calls = _calls_of(choice.message)
    texts = text_parts(choice.message.content, choice.message.refusal)
    return _response(
        # The content of a message that only calls tools is None, as with other providers.
        [_TEXT.like(text=text) for text in texts or ([] if calls else [""])],
        _blocks(calls, names, whole=True),
        response.model_dump(),
        finish_reason=choice.finish_reason,
    )


class ChunkReader:
    """Turns the chunks of one stream into LlamaIndex's: each holds the response so far.

    What is sent once about the whole response, its finish reason and usage, is on every response
    from there on: whoever keeps the last response has it all.

    Chunks before the first text or call are withheld, as programs tell by the first response
    whether the model calls a tool.

    Args:
        names: The own names of tools that were offered under another one.
        answer: Has each chunk added before it is read here.
    """

    def __init__(self, names: Mapping[str, str], answer: Accumulator) -> None:
        self._names = names
        self._answer = answer
        self._content = ""
        self._refused: MessageText | None = None
        self._calls: list[ToolCallBlock] = []
        self._finish_reason: str | None = None
        self._usage: UsageDelta | None = None
        self._has_begun = False
        self._withheld: ChatResponse | None = None

    def read(self, chunk: Chunk) -> ChatResponse | None:
        """The response so far, with what this chunk adds as `delta`; None if that is withheld."""
        text = ""
        for choice in chunk.get("choices", ()):
            delta = choice.get("delta") or {}
            if delta.get("refusal") or self._refused is not None:
                text += self._refusal(delta)
            else:
                text += delta.get("content") or ""
            if finish_reason := choice.get("finish_reason"):
                self._finish_reason = finish_reason
            if finish_reason or delta.get("tool_calls"):
                whole = self._finish_reason is not None
                self._calls = _blocks(self._answer.calls(), self._names, whole=whole)
        self._content += text
        self._usage = chunk.get("usage") or self._usage
        response = _response(
            [_TEXT.like(text=self._content)] if self._refused is None else self._refused_texts(),
            self._calls,
            {**chunk, "usage": self._usage},
            finish_reason=self._finish_reason,
            delta=text,
        )
        if not self._has_begun:
            self._has_begun = bool(text or self._calls or self._finish_reason)
            if not self._has_begun:
                self._withheld = response
                return None
        return response

    def _refusal(self, delta: Delta) -> str:
        """What a delta adds to the text, once there is a refusal."""
        if self._refused is None:
            self._refused = MessageText(self._content)
        return self._refused.add(delta)

    def _refused_texts(self) -> list[TextBlock]:
        parts = self._refused.parts if self._refused is not None else []
        return [_TEXT.like(text=part) for part in parts or [""]]

    def rest(self) -> Iterator[ChatResponse]:
        """The response that is withheld, if nothing came after it: a stream yields at least one."""
        if self._withheld is not None and not self._has_begun:
            yield self._withheld


def _response(
    texts: Sequence[TextBlock],
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
    if finish_reason in REFUSALS:
        # Agents and chat engines hand on the message alone.
        about["content_filter"] = kept["content_filter"] = True
        if calls:
            kept["invalid_tool_calls"] = [_invalid(call, finish_reason) for call in calls]
            calls = ()
    if calls:
        # Streamed structured output reads the calls here; agents read the blocks.
        kept["tool_calls"] = [_mirrored(call) for call in calls]
    message = _MESSAGE.like(blocks=[*texts, *calls], additional_kwargs=kept)
    return _RESPONSE.like(message=message, delta=delta, raw=raw, additional_kwargs=about)


def _calls_of(message: ResponseMessage) -> list[CallSoFar]:
    return [
        CallSoFar(call.id, call.function.name, call.function.arguments)
        for call in message.tool_calls or ()
    ]


def _blocks(
    calls: Sequence[CallSoFar], names: Mapping[str, str], *, whole: bool
) -> list[ToolCallBlock]:
    return [
        _CALL.like(
            tool_call_id=call.id,
            tool_name=names.get(call.name, call.name),
            tool_kwargs=json_arguments(call.arguments) if whole else call.arguments,
        )
        for call in calls
    ]


def _mirrored(call: ToolCallBlock) -> dict[str, Any]:
    """A call as OpenAI writes it, which is what other integrations keep there."""
    function = {"name": call.tool_name, "arguments": call.tool_kwargs}
    return {"id": call.tool_call_id, "type": "function", "function": function}


def _invalid(call: ToolCallBlock, finish_reason: str | None) -> dict[str, Any]:
    """A call of a refused response, which no tool may run, in LangChain's form."""
    error = f"The response was refused (finish reason {finish_reason!r})."
    return {
        "id": call.tool_call_id,
        "name": call.tool_name,
        "args": call.tool_kwargs,
        "error": error,
    }
