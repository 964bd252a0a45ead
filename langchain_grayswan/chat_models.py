"""`ChatGraySwan`: the fields, and the four hooks LangChain calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    CallbackManagerForLLMRun,
)
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import ConfigDict, Field

from grayswan_core import Ask, ChatResponse, ModelSettings, aask, aask_stream, ask, ask_stream
from grayswan_core.chat_request import SAMPLING_FIELDS
from grayswan_core.stop import normalize_stop
from langchain_grayswan.messages import (
    PROVIDER,
    ChunkReader,
    message_from_choice,
    turns_from_messages,
)

__all__ = ["ChatGraySwan"]


class ChatGraySwan(ModelSettings, BaseChatModel):
    """Gray Swan's Cygnet as a LangChain chat model.

    ```python
    from langchain_grayswan import ChatGraySwan, DataMessage

    model = ChatGraySwan(temperature=0)  # the key comes from GRAYSWAN_API_KEY
    model.invoke([("human", "What does the page say?"), DataMessage(page)])
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

    streaming: bool = Field(
        default=False, description="Whether `invoke` streams under the hood, for token callbacks."
    )

    @property
    def _llm_type(self) -> str:
        return "grayswan-chat"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        settings = {name: getattr(self, name) for name in (*SAMPLING_FIELDS, "stop", "base_url")}
        return {name: value for name, value in settings.items() if value is not None}

    @property
    def lc_secrets(self) -> dict[str, str]:
        """Where LangChain's serialization finds the key again."""
        return {"api_key": "GRAYSWAN_API_KEY"}

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """LangChain may write the model down, without its key."""
        return True

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=list(normalize_stop(stop or self.stop)), **kwargs)
        params["ls_provider"] = PROVIDER
        return params

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return _result(ask(self.client, self._asked(messages, stop, kwargs)))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return _result(await aask(self.client, self._asked(messages, stop, kwargs)))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        what = self._asked(messages, stop, kwargs, stream=True)
        reader = ChunkReader()
        with closing(ask_stream(self.client, what)) as chunks:
            for chunk in chunks:
                generation = ChatGenerationChunk(message=reader.read(chunk))
                if run_manager is not None:
                    run_manager.on_llm_new_token(generation.text, chunk=generation)
                yield generation

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        what = self._asked(messages, stop, kwargs, stream=True)
        reader = ChunkReader()
        async with aclosing(aask_stream(self.client, what)) as chunks:
            async for chunk in chunks:
                generation = ChatGenerationChunk(message=reader.read(chunk))
                if run_manager is not None:
                    await run_manager.on_llm_new_token(generation.text, chunk=generation)
                yield generation

    def _asked(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        arguments: dict[str, Any],
        *,
        stream: bool = False,
    ) -> Ask:
        # LangChain says `stream=True` to its own hooks; which hook is called says it already.
        given = {name: value for name, value in arguments.items() if name != "stream"}
        return self._ask(turns_from_messages(messages), {**given, "stop": stop}, stream=stream)


def _result(response: ChatResponse) -> ChatResult:
    generations = [
        ChatGeneration(
            message=message_from_choice(choice, response),
            generation_info={"finish_reason": choice.finish_reason},
        )
        for choice in response.choices
    ]
    usage = response.usage.model_dump() if response.usage else None
    return ChatResult(
        generations=generations,
        llm_output={"model_name": response.model, "token_usage": usage},
    )
