"""Streamed structured output: the model calls the one tool whose arguments are the object.

LlamaIndex's own program does not make the model call the tool, yields an object of blanks where
it did not, and never checks whether the last object is whole. So the stream is read here.

A text program reads the object out of the model's text instead; it is LlamaIndex's own, and only
its last object is checked.
"""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    Callable,
    Generator,
    Mapping,
)
from contextlib import aclosing, closing
from typing import Any, Generic

from llama_index.core.base.llms.base import BaseLLM
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ToolCallBlock
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import LLM
from llama_index.core.program.function_program import get_function_tool
from llama_index.core.program.utils import FlexibleModel, create_flexible_model
from llama_index.core.prompts import BasePromptTemplate, SelectorPromptTemplate
from llama_index.core.types import Model
from pydantic import BaseModel, RootModel, ValidationError

from grayswan_core import ToolCallArgumentsError
from grayswan_core.decoding.partial_json import PartialArguments
from llama_index_grayswan.schemas import is_wrapped, unwrapped
from llama_index_grayswan.tools import tool_selections

__all__ = ["ObjectReader", "astream_objects", "awhole_at_end", "stream_objects", "whole_at_end"]

# Decided here, so the caller's are left out, as LlamaIndex leaves them out elsewhere.
_OURS = frozenset({"tool_choice", "tool_required", "allow_parallel_tool_calls"})


def stream_objects(
    llm: FunctionCallingLLM,
    output_cls: type[Model],
    prompt: BasePromptTemplate,
    llm_kwargs: Mapping[str, Any] | None,
    prompt_args: Mapping[str, Any],
) -> Generator[Model | FlexibleModel, None, None]:
    """The object as it arrives; the last one is whole.

    Yields:
        Instances of `output_cls`, or of a class that needs no field where some are missing yet.

    Raises:
        ToolCallMissingError: the model called no tool.
        ToolCallArgumentsError: the arguments of its call are not an `output_cls`.
    """
    reader = ObjectReader(llm, output_cls)
    request = reader.request(prompt, llm_kwargs, prompt_args)
    with closing(llm.stream_chat_with_tools(**request)) as responses:
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
    request = reader.request(prompt, llm_kwargs, prompt_args)
    async with aclosing(await llm.astream_chat_with_tools(**request)) as responses:
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
        self._tool = get_function_tool(output_cls)
        self._is_wrapped = is_wrapped(output_cls)
        self._partial = _partial_maker(output_cls)
        self._reading = PartialArguments()
        self._length = 0
        self._arguments: dict[str, Any] = {}
        self._is_valid = False
        self._last: ChatResponse | None = None

    def request(
        self,
        prompt: BasePromptTemplate,
        llm_kwargs: Mapping[str, Any] | None,
        prompt_args: Mapping[str, Any],
    ) -> dict[str, Any]:
        """The request's arguments: the system prompt, the prompt, and the tool by name."""
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
        arguments = self._arguments_in(response)
        if arguments is not None and arguments != self._arguments:
            self._arguments = arguments
            yield self._so_far()

    def close(self) -> Generator[Model, None, None]:
        """The whole object, unless it was the last one yielded. Errors: see `stream_objects`."""
        if self._last is not None:
            arguments = tool_selections(self._last, required=True)[0].tool_kwargs
            if self._is_valid and arguments == self._arguments:
                return
            self._arguments = arguments
        try:
            yield self._output_cls.model_validate(self._value)
        except ValidationError as error:
            raise ToolCallArgumentsError(
                f"The arguments of the model's call are not a {self._output_cls.__name__}:"
                f" {_problems(error)}."
            ) from error

    def _arguments_in(self, response: ChatResponse) -> dict[str, Any] | None:
        """What can be read of the first call's arguments; whether all can, `close` checks.

        None where they have not grown, or not by enough to be worth a look.
        """
        for block in response.message.blocks:
            if isinstance(block, ToolCallBlock):
                text = str(block.tool_kwargs)
                if len(text) <= self._length:
                    return None
                piece, self._length = text[self._length :], len(text)
                return self._reading.add(piece)
        return None

    def _so_far(self) -> Model | FlexibleModel:
        self._is_valid = False
        try:
            whole = self._output_cls.model_validate(self._value)
        except Exception:  # noqa: BLE001 - its validators may stumble over what is not there yet
            partial: Model | FlexibleModel = self._partial(self._value)
            return partial
        self._is_valid = True
        return whole

    @property
    def _value(self) -> Any:
        return unwrapped(self._arguments) if self._is_wrapped else self._arguments


class SystemPromptTemplate(SelectorPromptTemplate):
    """A prompt whose messages come after the model's system prompt."""

    def __init__(self, prompt: BasePromptTemplate) -> None:
        super().__init__(default_template=prompt)

    def format_messages(self, llm: BaseLLM | None = None, **kwargs: Any) -> list[ChatMessage]:
        """The system prompt, and the prompt's messages."""
        messages: list[ChatMessage] = super().format_messages(llm, **kwargs)
        return llm._extend_messages(messages) if isinstance(llm, LLM) else messages  # noqa: SLF001


def _partial_maker(output_cls: type[BaseModel]) -> Callable[[Any], Any]:
    """Makes instances that lack fields, or whose value is not checked."""
    if issubclass(output_cls, RootModel):
        return lambda value: output_cls.model_construct(root=value)
    return create_flexible_model(output_cls).model_validate


def whole_at_end(
    objects: Generator[Any, None, None], output_cls: type[BaseModel]
) -> Generator[Any, None, None]:
    """The objects of a text program.

    Raises:
        ValueError: the last one is not an `output_cls`, as where the text ended in the middle.
    """
    last = None
    with closing(objects):
        for last in objects:
            yield last
    _check_last(last, output_cls)


async def awhole_at_end(
    objects: AsyncGenerator[Any, None], output_cls: type[BaseModel]
) -> AsyncGenerator[Any, None]:
    """`whole_at_end`, async."""
    last = None
    async with aclosing(objects):
        async for last in objects:
            yield last
    _check_last(last, output_cls)


def _check_last(last: Any, output_cls: type[BaseModel]) -> None:
    if not isinstance(last, output_cls):
        raise ValueError(  # noqa: TRY004 - as LlamaIndex's own program raises for a whole text
            f"The model's text is not a whole {output_cls.__name__}. The last object that could"
            f" be read of it is {last!r}."
        )


def _problems(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in found)
