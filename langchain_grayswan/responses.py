"""Answers to LangChain messages, whole and in chunks. Field mapping only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, InvalidToolCall
from langchain_core.messages import ToolCall as LangChainToolCall
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import (
    ToolCallChunk,
    invalid_tool_call,
    tool_call,
    tool_call_chunk,
)
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.utils.json import parse_partial_json

from grayswan_core import ToolCallArgumentsError, Usage
from grayswan_core.decoding.tool_calls import ToolCallAssembler, parse_arguments
from grayswan_core.prototype import Prototype
from grayswan_core.wire import (
    ChatResponse,
    Choice,
    Chunk,
    Delta,
    ResponseToolCall,
    ToolCallDelta,
)
from langchain_grayswan.refusals import PROVIDER, register_refusals

__all__ = ["ChunkReader", "message_from_choice", "result_from_response"]

register_refusals()

# What almost every chunk of a stream is: text and nothing else.
_TEXT_MESSAGE = Prototype(AIMessageChunk(content="", id=None))
_TEXT = Prototype(ChatGenerationChunk(message=AIMessageChunk(content="")))


def result_from_response(response: ChatResponse) -> ChatResult:
    """A whole answer, each of its `n` choices a generation."""
    generations = [
        ChatGeneration(
            message=message_from_choice(choice, response),
            generation_info={"finish_reason": choice.finish_reason},
        )
        for choice in response.choices
    ]
    output: dict[str, Any] = {"model_name": response.model}
    if response.usage is not None:
        output["token_usage"] = response.usage.model_dump()
    return ChatResult(generations=generations, llm_output=output)


def message_from_choice(choice: Choice, response: ChatResponse) -> AIMessage:
    """One choice as LangChain keeps it; the first one carries the tokens of all."""
    said = choice.message
    calls, invalid = _parsed_calls(said.tool_calls or ())
    metadata = {"model_provider": PROVIDER, "model_name": response.model}
    metadata["finish_reason"] = choice.finish_reason or ""
    return AIMessage(
        content=said.content or said.refusal or "",
        additional_kwargs={"refusal": said.refusal} if said.refusal else {},
        tool_calls=calls,
        invalid_tool_calls=invalid,
        id=response.id or None,
        response_metadata={
            **metadata,
            **({"system_fingerprint": f} if (f := response.system_fingerprint) else {}),
            **({"logprobs": choice.logprobs} if choice.logprobs else {}),
        },
        usage_metadata=_usage(response.usage) if choice is response.choices[0] else None,
    )


def _parsed_calls(
    calls: Sequence[ResponseToolCall],
) -> tuple[list[LangChainToolCall], list[InvalidToolCall]]:
    parsed: list[LangChainToolCall] = []
    invalid: list[InvalidToolCall] = []
    for call in calls:
        name, text = call.function.name, call.function.arguments
        try:
            parsed.append(tool_call(name=name, args=parse_arguments(text), id=call.id))
        except ValueError as error:
            invalid.append(invalid_tool_call(name=name, args=text, id=call.id, error=str(error)))
    return parsed, invalid


def _usage(usage: Usage | None) -> UsageMetadata | None:
    if usage is None:
        return None
    return UsageMetadata(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
    )


class ChunkReader:
    """Turns the chunks of one stream into LangChain's, one for one.

    LangChain adds chunks up: texts are joined and counts are summed. So what is said about the
    whole answer goes on one chunk only, and usage that comes again counts what is new in it.
    """

    def __init__(self) -> None:
        self._id: str | None = None
        self._named = False
        self._fingerprinted = False
        self._said = False
        self._finished = False
        self._calls: ToolCallAssembler | None = None
        self._counted = Usage()

    def read(self, chunk: Chunk) -> ChatGenerationChunk:
        """One chunk as LangChain keeps it.

        Raises:
            ToolCallArgumentsError: a call's arguments are broken in a way that LangChain would
                mend, and so make a call of that the model did not ask for.
        """
        fields: dict[str, Any] = {}
        content = ""
        fingerprint = chunk.get("system_fingerprint")
        if not self._named or (fingerprint and not self._fingerprinted):
            fields["response_metadata"] = self._head(chunk.get("model"), fingerprint)
        for choice in chunk.get("choices", ()):
            delta = choice.get("delta") or {}
            if text := delta.get("content"):
                content += text
                self._said = True
            if choice.get("finish_reason") or delta.get("tool_calls") or delta.get("refusal"):
                content += self._rest(delta, choice.get("finish_reason"), fields)
        if usage := chunk.get("usage"):
            fields["usage_metadata"] = self._new_usage(Usage.model_validate(usage))
        self._id = chunk.get("id") or self._id
        if fields:
            message = AIMessageChunk(content=content, id=self._id, **fields)
            return ChatGenerationChunk(message=message)
        message = _TEXT_MESSAGE.like(content=content, id=self._id)
        return _TEXT.like(message=message, text=content)

    def _head(self, model: str | None, fingerprint: str | None) -> dict[str, Any]:
        """What the answer's head says, from the first chunk that says it."""
        metadata: dict[str, Any] = {}
        if not self._named and model:
            self._named = True
            metadata = {"model_provider": PROVIDER, "model_name": model}
        if not self._fingerprinted and fingerprint:
            self._fingerprinted = True
            metadata["system_fingerprint"] = fingerprint
        return metadata

    def _rest(self, delta: Delta, finish_reason: str | None, fields: dict[str, Any]) -> str:
        """Put all of a choice but its text into the fields, and give a refusal's text back."""
        # LangChain looks at a chunk's provider for its blocks; equal ones are not joined.
        metadata = fields.setdefault("response_metadata", {})
        metadata["model_provider"] = PROVIDER
        if calls := delta.get("tool_calls"):
            fields["tool_call_chunks"] = [self._call_chunk(each) for each in calls]
        if finish_reason and not self._finished:
            self._finished = True
            self._refuse_broken_calls()
            metadata["finish_reason"] = finish_reason
        refusal = delta.get("refusal")
        if not refusal:
            return ""
        fields["additional_kwargs"] = {"refusal": refusal}
        return "" if self._said else refusal  # the service may say it as text as well

    def _call_chunk(self, delta: ToolCallDelta) -> ToolCallChunk:
        self._calls = self._calls or ToolCallAssembler()
        self._calls.add(delta)
        function = delta.get("function") or {}
        return tool_call_chunk(
            name=function.get("name"),
            args=function.get("arguments"),
            id=delta.get("id"),
            index=delta.get("index", 0),
        )

    def _refuse_broken_calls(self) -> None:
        for call in self._calls.calls() if self._calls else ():
            if _would_be_mended(call.arguments):
                raise ToolCallArgumentsError(
                    f"The arguments of a call of {call.name!r} are no JSON object:"
                    f" {call.arguments!r}. No call of it may be made."
                )

    def _new_usage(self, usage: Usage) -> UsageMetadata:
        before, self._counted = self._counted, usage
        return UsageMetadata(
            input_tokens=usage.prompt_tokens - before.prompt_tokens,
            output_tokens=usage.completion_tokens - before.completion_tokens,
            total_tokens=usage.total_tokens - before.total_tokens,
        )


def _would_be_mended(arguments: str) -> bool:
    """Whether LangChain makes a call of arguments that are no JSON: it closes what is open."""
    try:
        parse_arguments(arguments)
    except ValueError:
        try:
            return isinstance(parse_partial_json(arguments), dict)
        except (ValueError, RecursionError):
            return False
    return False
