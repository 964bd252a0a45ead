"""Streamed structured output: the model calls the one tool whose arguments are the object.

LlamaIndex's own program does not make the model call the tool, shows an object of blanks where
it did not, and never says whether the last object was whole. So the stream is read here.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import aclosing, closing
from typing import Any, Generic

from llama_index.core.base.llms.types import ChatResponse
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.program.function_program import get_function_tool
from llama_index.core.program.utils import FlexibleModel, create_flexible_model
from llama_index.core.prompts import BasePromptTemplate
from llama_index.core.types import Model
from pydantic import ValidationError

from grayswan_core import ToolCallArgumentsError

__all__ = ["ObjectReader", "astream_objects", "stream_objects"]

# Decided here, so the caller's are left out, as LlamaIndex leaves them out elsewhere.
_OURS = frozenset({"tool_choice", "tool_required", "allow_parallel_tool_calls"})


def stream_objects(
    llm: FunctionCallingLLM,
    output_cls: type[Model],
    prompt: BasePromptTemplate,
    llm_kwargs: Mapping[str, Any] | None,
    prompt_args: Mapping[str, Any],
) -> Generator[Model | FlexibleModel, None, None]:
    """The object as it comes into being; the last one is whole.

    Yields:
        Instances of `output_cls`, or of a class that needs no field where some are missing yet.

    Raises:
        ToolCallMissingError: the model gave no object.
        ToolCallArgumentsError: what it gave is not an `output_cls`.
    """
    reader = ObjectReader(llm, output_cls)
    asked = reader.request(prompt, llm_kwargs, prompt_args)
    with closing(llm.stream_chat_with_tools(**asked)) as responses:
        for response in responses:
            yield from reader.read(response)
    yield from reader.close()


async def astream_objects(
    llm: FunctionCallingLLM,
    output_cls: type[Model],
    prompt: BasePromptTemplate,
    llm_kwargs: Mapping[str, Any] | None,
    prompt_args: Mapping[str, Any],
) -> AsyncGenerator[Model | FlexibleModel, None]:
    """`stream_objects`, async."""
    reader = ObjectReader(llm, output_cls)
    asked = reader.request(prompt, llm_kwargs, prompt_args)
    async with aclosing(await llm.astream_chat_with_tools(**asked)) as responses:
        async for response in responses:
            for found in reader.read(response):
                yield found
    for found in reader.close():
        yield found


class ObjectReader(Generic[Model]):
    """Reads an object out of the streamed call of the tool that stands for its class."""

    def __init__(self, llm: FunctionCallingLLM, output_cls: type[Model]) -> None:
        self._llm = llm
        self._output_cls = output_cls
        self._partial_cls = create_flexible_model(output_cls)
        self._tool = get_function_tool(output_cls)
        self._arguments: dict[str, Any] = {}
        self._shown: Model | FlexibleModel | None = None
        self._last: ChatResponse | None = None

    def request(
        self,
        prompt: BasePromptTemplate,
        llm_kwargs: Mapping[str, Any] | None,
        prompt_args: Mapping[str, Any],
    ) -> dict[str, Any]:
        """What to ask the model with: its system prompt, the prompt, and the tool by name."""
        given = {key: value for key, value in (llm_kwargs or {}).items() if key not in _OURS}
        messages = prompt.format_messages(llm=self._llm, **prompt_args)
        return {
            "tools": [self._tool],
            "chat_history": self._llm._extend_messages(messages),  # noqa: SLF001 - core's hook
            "tool_choice": self._tool.metadata.get_name(),
            **given,
        }

    def read(self, response: ChatResponse) -> Generator[Model | FlexibleModel, None, None]:
        """The object so far, where this response adds to it."""
        self._last = response
        calls = self._llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)
        if calls and calls[0].tool_kwargs != self._arguments:
            self._arguments = calls[0].tool_kwargs
            self._shown = self._so_far()
            yield self._shown

    def close(self) -> Generator[Model, None, None]:
        """The whole object, unless it was the last one shown. Errors: see `stream_objects`."""
        if self._last is not None:
            self._llm.get_tool_calls_from_response(self._last, error_on_no_tool_call=True)
        if isinstance(self._shown, self._output_cls):
            return
        try:
            yield self._output_cls.model_validate(self._arguments)
        except ValidationError as error:
            raise ToolCallArgumentsError(
                f"What the model gave is not a {self._output_cls.__name__}: {_problems(error)}."
            ) from error

    def _so_far(self) -> Model | FlexibleModel:
        try:
            return self._output_cls.model_validate(self._arguments)
        except Exception:  # noqa: BLE001 - its validators may stumble over what is not there yet
            return self._partial_cls.model_validate(self._arguments)


def _problems(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in found)
