"""The frameworks' own floors: models that answer from what was made before, with no I/O.

With `prebuilt=False` they make the framework's objects anew for each chunk, as every model that
has an answer of its own must: what is left above that is the integration's.
"""

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
    prebuilt: bool = True
    _ready: list[ChatGenerationChunk] = PrivateAttr()
    _result: ChatResult = PrivateAttr()

    def model_post_init(self, context: object) -> None:
        self._ready = list(self._built()) if self.prebuilt else []
        message = AIMessage(content=CHUNK_TEXT * 100)
        self._result = ChatResult(generations=[ChatGeneration(message=message)])

    def _built(self) -> Iterator[ChatGenerationChunk]:
        for _ in range(self.chunks):
            yield ChatGenerationChunk(message=AIMessageChunk(content=CHUNK_TEXT, id="benchmark"))

    def _chunks(self) -> Iterator[ChatGenerationChunk]:
        return iter(self._ready) if self.prebuilt else self._built()

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
    prebuilt: bool = True
    _ready: list[ChatResponse] = PrivateAttr()

    def model_post_init(self, context: object) -> None:
        # Not each with the answer so far: made before, those would fill the memory.
        self._ready = [_response(CHUNK_TEXT)] * self.chunks if self.prebuilt else []

    def _built(self) -> Iterator[ChatResponse]:
        text = ""
        for _ in range(self.chunks):
            text += CHUNK_TEXT
            yield _response(text)

    def _responses(self) -> Iterator[ChatResponse]:
        return iter(self._ready) if self.prebuilt else self._built()

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata()

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return next(self._responses())

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return next(self._responses())

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


def _response(text: str) -> ChatResponse:
    message = ChatMessage(role="assistant", content=text)
    return ChatResponse(message=message, delta=CHUNK_TEXT, raw={})
