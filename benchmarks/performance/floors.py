"""The frameworks' own floors: models that answer from what was made before, with no I/O."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    LLMMetadata,
)
from llama_index.core.llms import CustomLLM
from llama_index.core.llms.callbacks import llm_chat_callback
from pydantic import PrivateAttr

from benchmarks.performance.wire import CHUNK_TEXT

__all__ = ["LangChainFloor", "LlamaIndexFloor"]


class LangChainFloor(BaseChatModel):
    """What `stream` and `invoke` of LangChain cost by themselves."""

    chunks: int
    _ready: list[ChatGenerationChunk] = PrivateAttr()
    _result: ChatResult = PrivateAttr()

    def model_post_init(self, context: object) -> None:
        self._ready = [
            ChatGenerationChunk(message=AIMessageChunk(content=CHUNK_TEXT, id="benchmark"))
            for _ in range(self.chunks)
        ]
        message = AIMessage(content=CHUNK_TEXT * 100)
        self._result = ChatResult(generations=[ChatGeneration(message=message)])

    def _chunks(self) -> Iterator[ChatGenerationChunk]:
        return iter(self._ready)

    @property
    def _llm_type(self) -> str:
        return "floor"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return self._result

    async def _agenerate(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> ChatResult:
        return self._result

    def _stream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        yield from self._chunks()

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._chunks():
            yield chunk


class LlamaIndexFloor(CustomLLM):
    """What `stream_chat` and `chat` of LlamaIndex cost by themselves."""

    chunks: int
    _ready: list[ChatResponse] = PrivateAttr()

    def model_post_init(self, context: object) -> None:
        # Not each with the answer so far: made before, those would fill the memory.
        message = ChatMessage(role="assistant", content=CHUNK_TEXT)
        self._ready = [ChatResponse(message=message, delta=CHUNK_TEXT, raw={})] * self.chunks

    def _responses(self) -> Iterator[ChatResponse]:
        return iter(self._ready)

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata()

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return self._ready[0]

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return self._ready[0]

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        def responses() -> ChatResponseGen:
            yield from self._responses()

        return responses()

    @llm_chat_callback()
    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        async def responses() -> ChatResponseAsyncGen:
            for response in self._responses():
                yield response

        return responses()

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return CompletionResponse(text=CHUNK_TEXT)

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        raise NotImplementedError("Only chats are measured.")
