"""Structured output: one tool whose arguments are the output, and no silent None.

LangChain's own parsers give None when the model made no call, and nothing at all in a stream.
These raise an error that says what happened.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.tool import ToolCallChunk
from langchain_core.output_parsers.openai_tools import (
    JsonOutputKeyToolsParser,
    JsonOutputToolsParser,
    PydanticToolsParser,
)
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.utils.pydantic import is_basemodel_subclass

from grayswan_core.decoding.partial_json import PartialArguments
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
        reader = _StreamReader(self)
        for item in input:
            yield from reader.read(item)
        yield from reader.end()

    async def _atransform(
        self,
        input: AsyncIterator[str | BaseMessage],  # noqa: A002
    ) -> AsyncIterator[Any]:
        reader = _StreamReader(self)
        async for item in input:
            for output in reader.read(item):
                yield output
        for output in reader.end():
            yield output

    def output_of(self, arguments: dict[str, Any]) -> Any:
        """The output of a call that is still arriving; None where it is not one yet."""
        return arguments


class _StreamReader:
    """Reads the output out of a stream as it arrives. LangChain's parsers read all of it each time.

    Args:
        parser: Makes the output.
    """

    def __init__(self, parser: _OutputParser) -> None:
        self._parser = parser
        self._items: list[Any] = []
        self._names: dict[Any, str] = {}
        self._pieces: dict[Any, list[str]] = {}
        self._call: Any = None
        self._arguments = PartialArguments()
        self._output: Any = None

    def read(self, item: str | BaseMessage) -> Iterator[Any]:
        """The output so far, where this item adds to it.

        Raises:
            OutputParserException: the item is no message.
        """
        if not isinstance(item, BaseMessage):
            self._parser.parse_result([Generation(text=item)])
        self._items.append(_as_chunk(item))
        if isinstance(item, AIMessageChunk) and item.tool_call_chunks:
            piece = self._piece_in(item.tool_call_chunks)
            arguments = None if piece is None else self._arguments.add(piece)
            if arguments is not None:
                yield from self._changed(self._parser.output_of(arguments))

    def end(self) -> Iterator[Any]:
        """The whole output, unless it was the last one handed out; errors as in `parse_result`."""
        if self._items:
            first, *rest = self._items
            message = first + rest if rest else first
            yield from self._changed(self._parser.parse_result([ChatGeneration(message=message)]))

    def _piece_in(self, chunks: Sequence[ToolCallChunk]) -> str | None:
        """What the chunks add to the call; None where it has not begun."""
        for chunk in chunks:
            key = len(self._names) if chunk["index"] is None else f"index {chunk['index']}"
            self._names[key] = self._names.get(key, "") + (chunk["name"] or "")
            self._pieces.setdefault(key, []).append(chunk["args"] or "")
        if self._call is None:
            named = (key for key, name in self._names.items() if name == self._parser.key_name)
            self._call = next(named, None)
        pieces = self._pieces.pop(self._call, None)
        return None if pieces is None else "".join(pieces)

    def _changed(self, output: Any) -> Iterator[Any]:
        if output is not None and output != self._output:
            self._output = output
            yield output


class _PydanticParser(_OutputParser, PydanticToolsParser):
    def output_of(self, arguments: dict[str, Any]) -> Any:
        try:
            return self.output_type(**arguments)
        except Exception:  # noqa: BLE001 - its validators may stumble over what is not there yet
            return None


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
