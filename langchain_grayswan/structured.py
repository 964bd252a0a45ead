"""Structured output: one tool whose arguments are the output, and no silent None.

LangChain's own parsers give None when the model made no call, and nothing at all in a stream.
These say what happened instead.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from operator import itemgetter
from typing import Any, cast

from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.output_parsers.openai_tools import (
    JsonOutputKeyToolsParser,
    JsonOutputToolsParser,
    PydanticToolsParser,
)
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.runnables import Runnable, RunnableLambda, RunnableMap, RunnablePassthrough
from langchain_core.utils.pydantic import is_basemodel_subclass

from langchain_grayswan.errors import ModelRefusalError, ToolCallArgumentsError
from langchain_grayswan.refusals import refusal_in
from langchain_grayswan.responses import message_from_choice

__all__ = ["output_parser", "with_raw"]


class _OutputParser(JsonOutputToolsParser):
    """Parses the call that had to be made, or says why there is none.

    Raises:
        ModelRefusalError: the service refused; where langchain-core is older than 1.7.5, an
            OutputParserException says so.
        OutputParserException: the answer was cut, or calls no tool.
        ValidationError: the arguments are not what the pydantic class takes.
    """

    key_name: str
    """The name of the tool."""

    first_tool_only: bool = True

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        if not partial and isinstance(result[0], ChatGeneration):
            _check(result[0].message, self.key_name)
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
        """Parse what has been streamed once more, now as a whole; errors as in `parse_result`."""
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
    return AIMessageChunk(**item.model_dump(exclude={"type"}), chunk_position="last")


def _check(message: BaseMessage, tool: str) -> None:
    said = str(message.text)
    finish = message.response_metadata.get("finish_reason")
    refusal: Any = refusal_in(message)
    if refusal is not None:
        if hasattr(ModelRefusalError, "from_refusal"):
            raise ModelRefusalError.from_refusal(refusal, raw_message=message)
        raise OutputParserException(
            f"The service refused to answer (finish reason {finish!r}): {refusal['refusal']}",
            llm_output=said,
        )
    if finish == "length":
        raise OutputParserException(
            f"The answer was cut before {tool!r} was whole (finish reason 'length'). Raise"
            " max_tokens, or ask for less.",
            llm_output=said,
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
        f"The model did not call {tool!r} (finish reason {finish!r}). It said: {said!r}",
        llm_output=said,
    )


def output_parser(schema: dict[str, Any] | type, tool: str) -> JsonOutputToolsParser:
    """What makes the output of an answer.

    Args:
        schema: A pydantic class, whose instances come out, or anything else, for dicts.
        tool: The name of the tool that the schema makes.
    """
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        return _PydanticParser(tools=[schema], key_name=tool)
    return _DictParser(key_name=tool)


def with_raw(
    model: Runnable[LanguageModelInput, AIMessage], parser: JsonOutputToolsParser
) -> Runnable[LanguageModelInput, dict[str, Any]]:
    """`{"raw": message, "parsed": output or None, "parsing_error": error or None}`.

    The model's own errors are raised, but for an answer that was cut in the middle of the call:
    what came of it is in `raw`.
    """
    cut: Runnable[dict[str, Any], AIMessage] = RunnableLambda(_cut_answer)
    whole_or_cut = (RunnableLambda(_input) | model).with_fallbacks(
        [cut],
        exceptions_to_handle=(ToolCallArgumentsError,),
        exception_key="error",
    )
    parsed = RunnablePassthrough.assign(
        parsed=itemgetter("raw") | parser, parsing_error=lambda _: None
    )
    unparsed = RunnablePassthrough.assign(parsed=lambda _: None)
    return (
        RunnableLambda(_as_input)
        | RunnableMap(raw=whole_or_cut)
        | parsed.with_fallbacks([unparsed], exception_key="parsing_error")
    )


def _as_input(value: LanguageModelInput) -> dict[str, Any]:
    return {"input": value}


def _input(asked: dict[str, Any]) -> LanguageModelInput:
    return cast("LanguageModelInput", asked["input"])


def _cut_answer(failed: dict[str, Any]) -> AIMessage:
    answer = failed["error"].partial
    return message_from_choice(answer.choices[0], answer)
