"""`GraySwan`: the fields, and the hooks LlamaIndex calls."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.generic_utils import (
    achat_to_completion_decorator,
    astream_chat_to_completion_decorator,
    chat_to_completion_decorator,
    stream_chat_to_completion_decorator,
)
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.constants import DEFAULT_NUM_OUTPUTS
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.program.utils import FlexibleModel
from llama_index.core.prompts import BasePromptTemplate, PromptTemplate
from llama_index.core.types import Model, PydanticProgramMode
from pydantic import ConfigDict, Field

from grayswan_core import (
    Accumulator,
    CompletionCall,
    InvalidRequestError,
    ModelSettings,
    acomplete,
    astream,
    complete,
    stream,
)
from grayswan_core.request.build import SAMPLING_FIELDS
from grayswan_core.signature import with_signature
from llama_index_grayswan.messages import turns_from_messages
from llama_index_grayswan.responses import ChunkReader, response_from_cygnet
from llama_index_grayswan.schemas import callable_by_core
from llama_index_grayswan.structured import (
    SystemPromptTemplate,
    astream_objects,
    awhole_at_end,
    stream_objects,
    whole_at_end,
)
from llama_index_grayswan.tools import (
    offered_tools,
    sent_choice,
    tool_lookup,
    tool_selections,
)

if TYPE_CHECKING:
    from llama_index.core.tools.types import BaseTool

__all__ = ["GraySwan"]

DEFAULT_CONTEXT_WINDOW = 8192
"""Tokens. The API does not report it; this is the window of Llama 3, which Cygnet is built on."""

# Among a call's arguments: the own names of tools that are offered under another one.
_TOOL_NAMES = "tool_names"

_CALLS_A_TOOL = (PydanticProgramMode.DEFAULT, PydanticProgramMode.FUNCTION)


class GraySwan(ModelSettings, FunctionCallingLLM):
    """Gray Swan's Cygnet as a LlamaIndex LLM.

    ```python
    from llama_index.core import Settings
    from llama_index.llms.grayswan import GraySwan

    Settings.llm = GraySwan(temperature=0)  # the key comes from GRAYSWAN_API_KEY
    ```

    The settings are those of `grayswan_core.ModelSettings`; a misspelt one is an error. Calls
    take `stop`, and any of `model`, `max_tokens`, `temperature`, `top_p`, `frequency_penalty`,
    `n`, `moderate_before`, `tools` and `tool_choice` as keyword arguments, which take precedence.

    Raises:
        ConfigurationError: there is no key, or settings are unknown or cannot be used.
    """

    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True
    )

    context_window: int = Field(
        default=DEFAULT_CONTEXT_WINDOW,
        gt=0,
        description="Tokens that prompt and response may have together.",
    )

    @classmethod
    def class_name(cls) -> str:
        """The name LlamaIndex's serialization knows the class by."""
        return "GraySwan"

    @property
    def metadata(self) -> LLMMetadata:
        """What LlamaIndex's prompt helpers and agents read of the model."""
        return LLMMetadata(
            context_window=self.context_window,
            num_output=self.max_tokens or DEFAULT_NUM_OUTPUTS,
            is_chat_model=True,
            is_function_calling_model=True,
            model_name=self.model,
            system_role=MessageRole.SYSTEM,
        )

    def to_payload(self) -> dict[str, Any]:
        """What tracers and callbacks are given of the model; it holds no secret."""
        settings = {name: getattr(self, name) for name in SAMPLING_FIELDS}
        return {
            "class_name": self.class_name(),
            **self.metadata.model_dump(),
            **{name: value for name, value in settings.items() if value is not None},
        }

    @with_signature
    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Respond to a conversation."""
        return self._chat(messages, **kwargs)

    @with_signature
    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """`chat`, async."""
        return await self._achat(messages, **kwargs)

    @with_signature
    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """Respond to a conversation in chunks; each holds the response so far."""
        return self._stream_chat(messages, **kwargs)

    @with_signature
    @llm_chat_callback()
    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        """`stream_chat`, async."""
        return await self._astream_chat(messages, **kwargs)

    @with_signature
    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Respond to a prompt, which is sent as a user message."""
        return chat_to_completion_decorator(self._chat)(self._text(prompt, formatted), **kwargs)

    @with_signature
    @llm_completion_callback()
    async def acomplete(
        self,
        prompt: str,
        formatted: bool = False,
        **kwargs: Any,
    ) -> CompletionResponse:
        """`complete`, async."""
        return await achat_to_completion_decorator(self._achat)(
            self._text(prompt, formatted), **kwargs
        )

    @with_signature
    @llm_completion_callback()
    def stream_complete(
        self,
        prompt: str,
        formatted: bool = False,
        **kwargs: Any,
    ) -> CompletionResponseGen:
        """Respond to a prompt in chunks; each holds the response so far."""
        return stream_chat_to_completion_decorator(self._stream_chat)(
            self._text(prompt, formatted), **kwargs
        )

    @with_signature
    @llm_completion_callback()
    async def astream_complete(
        self,
        prompt: str,
        formatted: bool = False,
        **kwargs: Any,
    ) -> CompletionResponseAsyncGen:
        """`stream_complete`, async."""
        return await astream_chat_to_completion_decorator(self._astream_chat)(
            self._text(prompt, formatted), **kwargs
        )

    def _text(self, prompt: object, formatted: bool) -> str:
        if not isinstance(prompt, str):
            raise InvalidRequestError(
                f"complete() and its variants take a text, not {type(prompt).__name__}. Messages"
                " go to chat()."
            )
        if formatted or self.completion_to_prompt is None:
            return prompt
        return self.completion_to_prompt(prompt)

    def _chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        call, names = self._call(messages, kwargs)
        return response_from_cygnet(complete(self.client, call), names)

    async def _achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        call, names = await self._acall(messages, kwargs)
        return response_from_cygnet(await acomplete(self.client, call), names)

    # The hooks below return generators instead of being some: LlamaIndex's callbacks watch only
    # what is one, and what cannot be sent is refused at the call, not at the first `next`.

    def _stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        call, names = self._call(messages, kwargs, stream=True)

        def responses() -> ChatResponseGen:
            answer = Accumulator()
            reader = ChunkReader(names, answer)
            with closing(stream(self.client, call, answer)) as chunks:
                for chunk in chunks:
                    if (response := reader.read(chunk)) is not None:
                        yield response
            yield from reader.rest()

        return responses()

    async def _astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        call, names = await self._acall(messages, kwargs, stream=True)

        async def responses() -> ChatResponseAsyncGen:
            answer = Accumulator()
            reader = ChunkReader(names, answer)
            async with aclosing(astream(self.client, call, answer)) as chunks:
                async for chunk in chunks:
                    if (response := reader.read(chunk)) is not None:
                        yield response
            for response in reader.rest():
                yield response

        return responses()

    def _call(
        self, messages: Sequence[ChatMessage], arguments: dict[str, Any], *, stream: bool = False
    ) -> tuple[CompletionCall, dict[str, str]]:
        """The call to make, and the own names of tools that are offered under another one."""
        given, names = _split_arguments(arguments)
        return self._ask(turns_from_messages(messages), given, stream=stream), names

    async def _acall(
        self, messages: Sequence[ChatMessage], arguments: dict[str, Any], *, stream: bool = False
    ) -> tuple[CompletionCall, dict[str, str]]:
        given, names = _split_arguments(arguments)
        return await self._aask(turns_from_messages(messages), given, stream=stream), names

    @with_signature
    def _prepare_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        tool_choice: Any = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        messages = list(chat_history or ())
        if isinstance(user_msg, str):
            user_msg = ChatMessage(user_msg, role=MessageRole.USER)
        if user_msg is not None:
            messages.append(user_msg)
        offered, renamed = offered_tools(tools)
        prepared = {
            "messages": messages,
            "tools": offered or None,
            "tool_choice": sent_choice(tool_choice, offered, required=tool_required),
            **kwargs,
        }
        if offered and not allow_parallel_tool_calls:
            prepared["parallel_tool_calls"] = False
        if renamed:
            prepared[_TOOL_NAMES] = renamed
        return prepared

    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> list[ToolSelection]:
        """The calls the model makes.

        In mid-stream their arguments are as far as they have come.

        Args:
            response: The response, whole or so far.
            error_on_no_tool_call: Whether there has to be a call with arguments that can be
                read. Agents pass False: a call with other arguments then names no tool, so that
                none is run, the model reads why, and the run goes on.
            kwargs: Not used.

        Raises:
            ToolCallMissingError: there is none, and `error_on_no_tool_call` is set.
            ToolCallArgumentsError: the response has ended, a call's arguments are not a JSON
                object, and `error_on_no_tool_call` is set.
        """
        return tool_selections(
            response, required=error_on_no_tool_call, strict=error_on_no_tool_call
        )

    @with_signature
    def predict_and_call(self, tools: Sequence[BaseTool], *args: Any, **kwargs: Any) -> Any:
        """Let the model call one of the tools, and run it; arguments are those of LlamaIndex.

        Raises:
            ToolCallMissingError: there is no call, or it is of no tool on offer.
            ToolCallArgumentsError: a call's arguments are not a JSON object.
        """
        with tool_lookup():
            return super().predict_and_call(callable_by_core(tools), *args, **kwargs)

    @with_signature
    async def apredict_and_call(self, tools: Sequence[BaseTool], *args: Any, **kwargs: Any) -> Any:
        """`predict_and_call`, async."""
        with tool_lookup():
            return await super().apredict_and_call(callable_by_core(tools), *args, **kwargs)

    def _structured_stream_call(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Generator[Model | list[Model] | FlexibleModel | list[FlexibleModel], None, None]:
        if self.pydantic_program_mode in _CALLS_A_TOOL:
            return stream_objects(self, output_cls, prompt, llm_kwargs, prompt_args)
        objects = super()._structured_stream_call(output_cls, prompt, llm_kwargs, **prompt_args)
        return whole_at_end(objects, output_cls)

    async def _structured_astream_call(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[Model | list[Model] | FlexibleModel | list[FlexibleModel], None]:
        if self.pydantic_program_mode in _CALLS_A_TOOL:
            return astream_objects(self, output_cls, prompt, llm_kwargs, prompt_args)
        objects = await super()._structured_astream_call(
            output_cls, prompt, llm_kwargs, **prompt_args
        )
        return awhole_at_end(objects, output_cls)

    @with_signature
    async def astructured_predict(
        self,
        output_cls: type[Model],
        prompt: BasePromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        """Get an object of a class.

        Core's async program leaves the model's system prompt out, where its sync one sends it.
        """
        if self.system_prompt and self.pydantic_program_mode in _CALLS_A_TOOL:
            prompt = SystemPromptTemplate(prompt)
        found: Model = await super().astructured_predict(
            output_cls, prompt, llm_kwargs, **prompt_args
        )
        return found

    def _extend_messages(self, messages: list[ChatMessage]) -> list[ChatMessage]:
        extended: list[ChatMessage] = super()._extend_messages(messages)
        return messages if messages[:1] == extended[:1] else extended


def _split_arguments(arguments: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """A call's arguments, and the own names of tools that are offered under another one."""
    given = {name: value for name, value in arguments.items() if name != _TOOL_NAMES}
    if all(map(_is_of_another_provider, given.get("extra_headers") or ())):
        given.pop("extra_headers", None)
    return given, arguments.get(_TOOL_NAMES) or {}


def _is_of_another_provider(header: str) -> bool:
    """Whether a header is one that LlamaIndex's extractors send with every model."""
    return header.lower().startswith("anthropic-")
