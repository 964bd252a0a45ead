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
    ToolCallBlock,
)
from llama_index.core.constants import DEFAULT_NUM_OUTPUTS
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from pydantic import ConfigDict, Field

from grayswan_core import ModelSettings, aask, aask_stream, ask, ask_stream
from grayswan_core.tool_calls import arguments_so_far
from llama_index_grayswan.messages import (
    ChunkReader,
    empty_response,
    response_from_cygnet,
    turns_from_messages,
)

if TYPE_CHECKING:
    from llama_index.core.tools.types import BaseTool

__all__ = ["GraySwan"]

DEFAULT_CONTEXT_WINDOW = 8192
"""Tokens. The service does not say; this is the window of Llama 3, which Cygnet is built on."""


class GraySwan(ModelSettings, FunctionCallingLLM):
    """Gray Swan's Cygnet as a LlamaIndex LLM.

    ```python
    from llama_index.core import Settings
    from llama_index.llms.grayswan import GraySwan

    Settings.llm = GraySwan(temperature=0)  # the key comes from GRAYSWAN_API_KEY
    ```

    The settings are those of `grayswan_core.ModelSettings`; a misspelt one is an error. Calls
    take `stop`, and any of `model`, `max_tokens`, `temperature`, `top_p`, `frequency_penalty`,
    `n`, `moderate_before`, `tools` and `tool_choice` as keyword arguments, which win.

    Raises:
        ConfigurationError: there is no key, or an address or timeout cannot work.
    """

    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True
    )

    context_window: int = Field(
        default=DEFAULT_CONTEXT_WINDOW,
        gt=0,
        description="Tokens that question and answer may have together.",
    )

    @classmethod
    def class_name(cls) -> str:
        """The name LlamaIndex's serialization knows the class by."""
        return "GraySwan"

    @property
    def metadata(self) -> LLMMetadata:
        """What LlamaIndex's prompt helpers and agents want to know of the model."""
        return LLMMetadata(
            context_window=self.context_window,
            num_output=self.max_tokens or DEFAULT_NUM_OUTPUTS,
            is_chat_model=True,
            is_function_calling_model=True,
            model_name=self.model,
            system_role=MessageRole.SYSTEM,
        )

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Answer a conversation."""
        return self._chat(messages, **kwargs)

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """`chat`, async."""
        return await self._achat(messages, **kwargs)

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """Answer a conversation in pieces; each holds the answer so far."""
        return self._stream_chat(messages, **kwargs)

    @llm_chat_callback()
    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        """`stream_chat`, async."""
        return await self._astream_chat(messages, **kwargs)

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Answer a text, which is sent as a user message."""
        return chat_to_completion_decorator(self._chat)(prompt, **kwargs)

    @llm_completion_callback()
    async def acomplete(
        self,
        prompt: str,
        formatted: bool = False,
        **kwargs: Any,
    ) -> CompletionResponse:
        """`complete`, async."""
        return await achat_to_completion_decorator(self._achat)(prompt, **kwargs)

    @llm_completion_callback()
    def stream_complete(
        self,
        prompt: str,
        formatted: bool = False,
        **kwargs: Any,
    ) -> CompletionResponseGen:
        """Answer a text in pieces; each holds the answer so far."""
        return stream_chat_to_completion_decorator(self._stream_chat)(prompt, **kwargs)

    @llm_completion_callback()
    async def astream_complete(
        self,
        prompt: str,
        formatted: bool = False,
        **kwargs: Any,
    ) -> CompletionResponseAsyncGen:
        """`stream_complete`, async."""
        return await astream_chat_to_completion_decorator(self._astream_chat)(prompt, **kwargs)

    def _chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        what = self._ask(turns_from_messages(messages), kwargs)
        return response_from_cygnet(ask(self.client, what))

    async def _achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        what = self._ask(turns_from_messages(messages), kwargs)
        return response_from_cygnet(await aask(self.client, what))

    def _stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        what = self._ask(turns_from_messages(messages), kwargs, stream=True)

        def responses() -> Generator[ChatResponse, None, None]:
            reader = ChunkReader()
            with closing(ask_stream(self.client, what)) as chunks:
                for chunk in chunks:
                    yield reader.read(chunk)
            if not reader.begun:
                yield empty_response()

        return responses()

    async def _astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        what = self._ask(turns_from_messages(messages), kwargs, stream=True)

        async def responses() -> AsyncGenerator[ChatResponse, None]:
            reader = ChunkReader()
            async with aclosing(aask_stream(self.client, what)) as chunks:
                async for chunk in chunks:
                    yield reader.read(chunk)
            if not reader.begun:
                yield empty_response()

        return responses()

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
        offered = [tool.metadata.to_openai_tool(skip_length_check=True) for tool in tools]
        choice = tool_choice or (tool_required and bool(tools)) or None
        return {"messages": messages, "tools": offered or None, "tool_choice": choice, **kwargs}

    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> list[ToolSelection]:
        """The calls the model wants made.

        In mid-stream their arguments are as far as they have come.

        Raises:
            ValueError: there is none, and one was to be.
        """
        del kwargs  # the hook's own
        blocks = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
        if not blocks and error_on_no_tool_call:
            raise ValueError("The model made no tool call where one was expected.")
        return [
            ToolSelection(
                tool_id=block.tool_call_id or "",
                tool_name=block.tool_name,
                tool_kwargs=_arguments(block.tool_kwargs),
            )
            for block in blocks
        ]


def _arguments(arguments: dict[str, Any] | str) -> dict[str, Any]:
    return arguments_so_far(arguments) if isinstance(arguments, str) else arguments
