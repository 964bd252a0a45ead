"""Structured output with `include_raw=True`: the message beside what was made of it.

A message of which no output can be made is not an error here, but stands beside the reason, whether
the model was invoked or streamed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

from langchain_core.callbacks import AsyncCallbackManagerForChainRun, CallbackManagerForChainRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.output_parsers.openai_tools import JsonOutputToolsParser
from langchain_core.runnables import Runnable, RunnableConfig, RunnableSerializable
from langchain_core.runnables.config import patch_config
from langchain_core.runnables.utils import AddableDict
from pydantic import ConfigDict

from langchain_grayswan.chunks import ResponseChunk
from langchain_grayswan.errors import ToolCallArgumentsError, ToolCallMissingError
from langchain_grayswan.responses import message_from_choice

__all__ = ["RawOutput"]

_Output = dict[str, Any]

# The model's errors that say that there is no output; the message is on them.
_NO_OUTPUT = (ToolCallArgumentsError, ToolCallMissingError)


class RawOutput(RunnableSerializable[LanguageModelInput, _Output]):
    """`{"raw": message, "parsed": output or None, "parsing_error": error or None}`.

    In a stream `raw` comes as it arrives, and the rest at the end. The model's other errors, of
    connections and the like, are raised.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    model: Runnable[LanguageModelInput, AIMessage]
    parser: JsonOutputToolsParser

    def invoke(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's name for it
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> _Output:
        """The message, and what was made of it."""
        return self._call_with_config(self._invoke, input, config, **kwargs)

    async def ainvoke(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> _Output:
        """`invoke`, async."""
        return await self._acall_with_config(self._ainvoke, input, config, **kwargs)

    def stream(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Iterator[_Output]:
        """The same in parts that add up."""
        inputs = iter([input])
        yield from self._transform_stream_with_config(inputs, self._stream, config, **kwargs)

    async def astream(
        self,
        input: LanguageModelInput,  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[_Output]:
        """`stream`, async."""

        async def inputs() -> AsyncIterator[LanguageModelInput]:
            yield input

        parts = self._atransform_stream_with_config(inputs(), self._astream, config, **kwargs)
        async for part in parts:
            yield part

    def _invoke(
        self,
        asked: LanguageModelInput,
        run_manager: CallbackManagerForChainRun,
        config: RunnableConfig,
        **kwargs: Any,
    ) -> _Output:
        child = patch_config(config, callbacks=run_manager.get_child())
        try:
            raw = self.model.invoke(asked, child, **kwargs)
        except _NO_OUTPUT as error:
            return {"raw": _partial(error), **_failed(error)}
        return {"raw": raw, **self._parsed(raw, child)}

    async def _ainvoke(
        self,
        asked: LanguageModelInput,
        run_manager: AsyncCallbackManagerForChainRun,
        config: RunnableConfig,
        **kwargs: Any,
    ) -> _Output:
        child = patch_config(config, callbacks=run_manager.get_child())
        try:
            raw = await self.model.ainvoke(asked, child, **kwargs)
        except _NO_OUTPUT as error:
            return {"raw": _partial(error), **_failed(error)}
        return {"raw": raw, **self._parsed(raw, child)}

    def _stream(
        self,
        inputs: Iterator[LanguageModelInput],
        run_manager: CallbackManagerForChainRun,
        config: RunnableConfig,
        **kwargs: Any,
    ) -> Iterator[_Output]:
        child = patch_config(config, callbacks=run_manager.get_child())
        chunks: list[AIMessage] = []
        try:
            for chunk in self.model.stream(next(inputs), child, **kwargs):
                chunks.append(chunk)
                yield AddableDict(raw=chunk)
        except _NO_OUTPUT as error:
            yield AddableDict(raw=_rest(chunks, error), **_failed(error))
        else:
            yield AddableDict(self._parsed(_whole(chunks), child))

    async def _astream(
        self,
        inputs: AsyncIterator[LanguageModelInput],
        run_manager: AsyncCallbackManagerForChainRun,
        config: RunnableConfig,
        **kwargs: Any,
    ) -> AsyncIterator[_Output]:
        child = patch_config(config, callbacks=run_manager.get_child())
        chunks: list[AIMessage] = []
        try:
            async for chunk in self.model.astream(await anext(inputs), child, **kwargs):
                chunks.append(chunk)
                yield AddableDict(raw=chunk)
        except _NO_OUTPUT as error:
            yield AddableDict(raw=_rest(chunks, error), **_failed(error))
        else:
            yield AddableDict(self._parsed(_whole(chunks), child))

    def _parsed(self, raw: AIMessage, config: RunnableConfig) -> _Output:
        try:
            return {"parsed": self.parser.invoke(raw, config), "parsing_error": None}
        except Exception as error:  # noqa: BLE001 - a class's own validators raise what they like
            return _failed(error)


def _failed(error: Exception) -> _Output:
    return {"parsed": None, "parsing_error": error}


def _partial(error: Any) -> AIMessage:
    response = error.partial
    return message_from_choice(response.choices[0], response)


def _whole(chunks: list[AIMessage]) -> AIMessage:
    first, *rest = chunks
    return cast("AIMessage", cast("AIMessageChunk", first) + rest) if rest else first


def _rest(chunks: list[AIMessage], error: Any) -> AIMessage:
    """What is missing to the message that an error holds when the chunks have been handed out."""
    partial = _partial(error)
    if not chunks:
        return partial
    so_far = cast("AIMessageChunk", _whole(chunks))
    calls = error.partial.choices[0].message.tool_calls or ()
    missing = [
        tool_call_chunk(
            args=call.function.arguments[len(chunk["args"] or "") :], index=chunk["index"]
        )
        for chunk, call in zip(so_far.tool_call_chunks, calls, strict=False)
    ]
    return ResponseChunk(
        content=partial.text[len(so_far.text) :],
        tool_call_chunks=missing,
        response_metadata=partial.response_metadata,
        usage_metadata=partial.usage_metadata,
        chunk_position="last",
    )
