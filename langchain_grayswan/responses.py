"""Responses to LangChain messages, whole and in chunks. Field mapping only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from langchain_core.messages import AIMessage
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.messages.tool import ToolCallChunk, tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from grayswan_core import Usage
from grayswan_core.prototype import Prototype
from grayswan_core.wire import ChatResponse, Choice, Chunk, ChunkChoice, ToolCallDelta
from langchain_grayswan.chunks import ResponseChunk, calls_so_far, read_call
from langchain_grayswan.refusals import PROVIDER, content_of, register_refusals

__all__ = ["ChunkReader", "combined_outputs", "message_from_choice", "result_from_response"]

register_refusals()

# What almost every chunk of a stream is: text and nothing else.
_TEXT_MESSAGE = Prototype(ResponseChunk(content="", response_metadata={}))
_TEXT = Prototype(ChatGenerationChunk(message=ResponseChunk(content="")))
# The validator sets what is read of the calls, so both count as given.
_CALL_MESSAGE = Prototype(
    ResponseChunk(
        content="",
        tool_call_chunks=[],
        tool_calls=[],
        invalid_tool_calls=[],
        response_metadata={},
    )
)


# What almost every whole response is.
_WHOLE_TEXT = Prototype(
    AIMessage(
        content="",
        additional_kwargs={},
        tool_calls=[],
        invalid_tool_calls=[],
        response_metadata={},
        usage_metadata=None,
    )
)
_GENERATION = Prototype(ChatGeneration(message=AIMessage(content=""), generation_info={}))


def result_from_response(response: ChatResponse) -> ChatResult:
    """A whole response, each of its `n` choices a generation."""
    generations = [_generation(choice, response) for choice in response.choices]
    output: dict[str, Any] = {"model_name": response.model}
    if response.usage is not None:
        output["token_usage"] = response.usage.model_dump()
    return ChatResult(generations=generations, llm_output=output)


def _generation(choice: Choice, response: ChatResponse) -> ChatGeneration:
    message = message_from_choice(choice, response)
    about = {"finish_reason": choice.finish_reason}
    return _GENERATION.like(message=message, text=message.content, generation_info=about)


def combined_outputs(outputs: list[dict[str, Any] | None]) -> dict[str, Any]:
    """The `llm_output` of several results: their usage is added up."""
    given = [output for output in outputs if output]
    if len(given) == 1:
        return dict(given[0])
    combined = {name: value for each in given for name, value in each.items()}
    usages = [Usage.model_validate(each["token_usage"]) for each in given if "token_usage" in each]
    if usages:
        combined["token_usage"] = sum(usages[1:], usages[0]).model_dump()
    return combined


def message_from_choice(choice: Choice, response: ChatResponse) -> AIMessage:
    """One choice as LangChain keeps it; the first one carries the tokens of all."""
    message = choice.message
    calls = [
        read_call(call.id, call.function.name, call.function.arguments, choice.finish_reason)
        for call in message.tool_calls or ()
    ]
    metadata = {
        "model_provider": PROVIDER,
        "model_name": response.model,
        "finish_reason": choice.finish_reason or "",
        **_given(
            id=response.id,
            system_fingerprint=response.system_fingerprint,
            request_id=response.request_id,
            logprobs=choice.logprobs,
        ),
    }
    content, additional = content_of(message.content, message.refusal, choice.finish_reason)
    make = AIMessage if calls else _WHOLE_TEXT.like
    return make(
        content=content,
        additional_kwargs=additional,
        tool_calls=[call for call in calls if call["type"] == "tool_call"],
        invalid_tool_calls=[call for call in calls if call["type"] == "invalid_tool_call"],
        response_metadata=metadata,
        usage_metadata=_usage(response.usage) if choice is response.choices[0] else None,
    )


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def _usage(usage: Usage | None) -> UsageMetadata | None:
    if usage is None:
        return None
    metadata = UsageMetadata(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
    )
    if read := _details(usage, "prompt_tokens_details", cached="cache_read", audio="audio"):
        metadata["input_token_details"] = cast("InputTokenDetails", read)
    if written := _details(
        usage, "completion_tokens_details", reasoning="reasoning", audio="audio"
    ):
        metadata["output_token_details"] = cast("OutputTokenDetails", written)
    return metadata


def _details(usage: Usage, name: str, **names: str) -> dict[str, int]:
    """Token details, which OpenAI's usage has in a dict: `cached_tokens` and the like."""
    counts = (usage.model_extra or {}).get(name)
    if not isinstance(counts, dict):
        return {}
    found = {ours: counts.get(f"{theirs}_tokens") for theirs, ours in names.items()}
    return {ours: count for ours, count in found.items() if isinstance(count, int)}


class ChunkReader:
    """Turns the chunks of one stream into LangChain's.

    LangChain adds chunks up: texts are joined and counts are summed. So what belongs to the
    response as a whole (its model, finish reason, usage, ids, refusal) is on the last chunk alone,
    which `end` makes when the stream is over.

    Args:
        corrects_calls: Whether the last chunk's `content_blocks` repeat the calls that are not
            what their deltas look like. LangChain's protocol events need it: they do not add
            chunks up, but put a block that comes last in the place of its deltas.
    """

    def __init__(self, *, corrects_calls: bool = False) -> None:
        self._about: dict[str, Any] = {}
        self._finish_reason: str | None = None
        self._texts: list[str] = []
        self._refusals: list[str] = []
        self._calls: list[ResponseChunk] | None = [] if corrects_calls else None
        self._usage: Usage | None = None

    def read(self, chunk: Chunk) -> ChatGenerationChunk | None:
        """One chunk as LangChain keeps it; None when there is nothing to hand out yet."""
        return self.generation(*self.take(chunk))

    def take(self, chunk: Chunk) -> tuple[str, Sequence[ToolCallDelta]]:
        """Take one chunk in; the text and the deltas of calls that it adds."""
        content = ""
        calls: Sequence[ToolCallDelta] = ()
        for choice in chunk.get("choices", ()):
            delta = choice.get("delta") or {}
            if text := delta.get("content"):
                content += text
            if deltas := delta.get("tool_calls"):
                calls = [*calls, *deltas]
            if choice.get("finish_reason") or delta.get("refusal"):
                self._note_end(choice)
        if usage := chunk.get("usage"):
            self._usage = Usage.model_validate(usage)
        if content:
            self._texts.append(content)
        if not content or not self._about:
            self._note_about(chunk)
        return content, calls

    def generation(
        self, content: str, calls: Sequence[ToolCallDelta]
    ) -> ChatGenerationChunk | None:
        """Text and deltas of calls as LangChain keeps them; None where there are none."""
        if calls:
            return self._with_calls(content, [_call_chunk(call) for call in calls])
        if not content:
            return None
        message = _TEXT_MESSAGE.like(
            content=content, response_metadata={"model_provider": PROVIDER}
        )
        return _TEXT.like(message=message, text=content)

    def end(self) -> ChatGenerationChunk:
        """The last chunk, once the stream has ended well."""
        about = {**self._about, **_given(finish_reason=self._finish_reason)}
        text = "".join(self._texts)
        content, additional = content_of(text, "".join(self._refusals), self._finish_reason)
        message = ResponseChunk(
            content="" if text else content,
            additional_kwargs=additional,
            response_metadata={"model_provider": PROVIDER, **about},
            usage_metadata=_usage(self._usage),
            chunk_position="last",
        )
        if self._calls:
            message.repeat_calls(self._calls)
        return ChatGenerationChunk(message=message, generation_info=about)

    def _with_calls(self, content: str, calls: list[ToolCallChunk]) -> ChatGenerationChunk:
        made, pieces = calls_so_far(calls)
        message = _CALL_MESSAGE.like(
            content=content,
            tool_call_chunks=calls,
            tool_calls=made,
            invalid_tool_calls=pieces,
            response_metadata={"model_provider": PROVIDER},
        )
        if self._calls is not None:
            self._calls.append(message)
        return _TEXT.like(message=message, text=content)

    def _note_about(self, chunk: Chunk) -> None:
        """Note what any chunk may tell of the response as a whole."""
        self._about = {
            **self._about,
            **_given(
                model_name=chunk.get("model"),
                id=chunk.get("id"),
                system_fingerprint=chunk.get("system_fingerprint"),
                request_id=chunk.get("request_id"),
            ),
        }

    def _note_end(self, choice: ChunkChoice) -> None:
        self._finish_reason = self._finish_reason or choice.get("finish_reason")
        if refusal := (choice.get("delta") or {}).get("refusal"):
            self._refusals.append(refusal)


def _call_chunk(delta: ToolCallDelta) -> ToolCallChunk:
    function = delta.get("function") or {}
    return tool_call_chunk(
        name=function.get("name"),
        args=function.get("arguments"),
        id=delta.get("id"),
        index=delta.get("index", 0),
    )
