"""Structured output: one tool whose arguments are the output, and no silent None.

LangChain's own parsers give None when the model made no call, and nothing at all in a stream.
These raise an error that says what happened.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.output_parsers.openai_tools import (
    JsonOutputKeyToolsParser,
    JsonOutputToolsParser,
    PydanticToolsParser,
)
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.utils.pydantic import is_basemodel_subclass

from langchain_grayswan.chunks import ResponseChunk
from langchain_grayswan.errors import ModelRefusalError
from langchain_grayswan.refusals import refusal_in

__all__ = ["output_parser"]


class _OutputParser(JsonOutputToolsParser):
    """Parses the call that had to be made, or raises the reason why there is none.

    Raises:
        ModelRefusalError: the model refused; where langchain-core is older than 1.7.5, an
            OutputParserException that says so.
        OutputParserException: the response was cut, or does not call the tool.
        ValidationError: the arguments are not what the pydantic class takes.
    """

    key_name: str
    """The name of the tool."""

    output_type: Any
    """What comes out."""

    first_tool_only: bool = True

    @property
    def OutputType(self) -> Any:  # noqa: N802 - LangChain's name for it
        """What comes out, for `get_output_schema`."""
        return self.output_type

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        if isinstance(result[0], ChatGeneration):
            if not partial:
                _check(result[0].message, self.key_name)
            result = [_with_calls_of(self.key_name, result[0])]
        return super().parse_result(result, partial=partial)

    def _transform(self, input: Iterator[str | BaseMessage]) -> Iterator[Any]:  # noqa: A002
        seen: list[Any] = []

        def watched() -> Iterator[str | BaseMessage]:
            for item in input:
                seen.append(_as_chunk(item))
                yield seen[-1]

        yield from super()._transform(watched())
        self._check_whole(seen)

    async def _atransform(
        self,
        input: AsyncIterator[str | BaseMessage],  # noqa: A002
    ) -> AsyncIterator[Any]:
        seen: list[Any] = []

        async def watched() -> AsyncIterator[str | BaseMessage]:
            async for item in input:
                seen.append(_as_chunk(item))
                yield seen[-1]

        async for parsed in super()._atransform(watched()):
            yield parsed
        self._check_whole(seen)

    def _check_whole(self, seen: list[Any]) -> None:
        """Parse the whole stream; errors as in `parse_result`."""
        if seen and isinstance(seen[0], BaseMessage):
            message: Any = seen[0] + seen[1:] if seen[1:] else seen[0]
            self.parse_result([ChatGeneration(message=message)])


class _PydanticParser(_OutputParser, PydanticToolsParser): ...


class _DictParser(_OutputParser, JsonOutputKeyToolsParser): ...


def _as_chunk(item: str | BaseMessage) -> str | BaseMessage:
    """A whole message, as a model that does not stream gives, in the form of a stream's.

    LangChain's parsers make a message without calls of it.
    """
    if not isinstance(item, AIMessage) or isinstance(item, AIMessageChunk):
        return item
    return ResponseChunk(**item.model_dump(exclude={"type"}), chunk_position="last")


def _with_calls_of(tool: str, generation: ChatGeneration) -> ChatGeneration:
    """The generation with the calls of one tool alone: others may stand before it."""
    message = generation.message
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    if all(call["name"] == tool for call in calls):
        return generation
    kept = [call for call in calls if call["name"] == tool]
    return ChatGeneration(message=AIMessage(content=message.content, tool_calls=kept))


def _check(message: BaseMessage, tool: str) -> None:
    text = str(message.text)
    finish = message.response_metadata.get("finish_reason")
    refusal: Any = refusal_in(message)
    if refusal is not None:
        if hasattr(ModelRefusalError, "from_refusal"):
            raise ModelRefusalError.from_refusal(refusal, raw_message=message)
        raise OutputParserException(
            f"The model refused to answer (finish reason {finish!r}): {refusal['refusal']}",
            llm_output=text,
        )
    if finish == "length":
        raise OutputParserException(
            f"The response was cut before {tool!r} was whole (finish reason 'length'). Raise"
            " max_tokens, or ask for less.",
            llm_output=text,
        )
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    if any(call["name"] == tool for call in calls):
        return
    for call in message.invalid_tool_calls if isinstance(message, AIMessage) else ():
        raise OutputParserException(
            f"The arguments of the call of {call['name']!r} are no JSON object: {call['args']!r}.",
            llm_output=call["args"],
        )
    raise OutputParserException(
        f"The model did not call {tool!r} (finish reason {finish!r}). Its text is {text!r}.",
        llm_output=text,
    )


def output_parser(schema: dict[str, Any] | type, tool: str) -> JsonOutputToolsParser:
    """The parser that makes the output of a response.

    Args:
        schema: A pydantic class, whose instances come out, or anything else, for dicts.
        tool: The name of the tool that the schema makes.
    """
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        return _PydanticParser(tools=[schema], key_name=tool, output_type=schema)
    output_type = schema if isinstance(schema, type) else dict[str, Any]
    return _DictParser(key_name=tool, output_type=output_type)
