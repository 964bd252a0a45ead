"""The simplest model for each framework: bare httpx, and its JSON in the framework's objects.

What an integration costs that checks nothing, knows no errors and can do nothing but text: the
framework and the network together, in one program.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
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

from benchmarks.performance.bare import Bare

__all__ = ["SimplestLangChain", "SimplestLlamaIndex"]


class SimplestLangChain(BaseChatModel):
    """Text in, text out."""

    url: str
    _service: Bare = PrivateAttr()

    def model_post_init(self, context: object) -> None:
        self._service = Bare(self.url)

    def close(self) -> None:
        self._service.close()

    async def aclose(self) -> None:
        await self._service.aclose()

    @property
    def _llm_type(self) -> str:
        return "simplest"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return _result(self._service.call(_sent(messages)))

    async def _agenerate(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> ChatResult:
        return _result(await self._service.acall(_sent(messages)))

    def _stream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in self._service.stream(_sent(messages)):
            yield _generation(chunk)

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        async for chunk in self._service.astream(_sent(messages)):
            yield _generation(chunk)


_ROLES = {"human": "user", "ai": "assistant"}


def _sent(messages: Sequence[BaseMessage]) -> list[dict[str, str]]:
    return [{"role": _ROLES[each.type], "content": str(each.content)} for each in messages]


def _result(answer: Mapping[str, Any]) -> ChatResult:
    text = answer["choices"][0]["message"]["content"]
    message = AIMessage(content=text, id=answer["id"])
    return ChatResult(generations=[ChatGeneration(message=message)])


def _generation(chunk: Mapping[str, Any]) -> ChatGenerationChunk:
    text = chunk["choices"][0]["delta"].get("content") or ""
    return ChatGenerationChunk(message=AIMessageChunk(content=text, id=chunk["id"]))


class SimplestLlamaIndex(CustomLLM):
    """Text in, text out."""

    url: str
    _service: Bare = PrivateAttr()

    def model_post_init(self, context: object) -> None:
        self._service = Bare(self.url)

    def close(self) -> None:
        self._service.close()

    async def aclose(self) -> None:
        await self._service.aclose()

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata()

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return _whole(self._service.call(_wire(messages)))

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return _whole(await self._service.acall(_wire(messages)))

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        def responses() -> ChatResponseGen:
            text = ""
            for chunk in self._service.stream(_wire(messages)):
                text += _delta(chunk)
                yield _response(text, _delta(chunk), chunk)

        return responses()

    @llm_chat_callback()
    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        async def responses() -> ChatResponseAsyncGen:
            text = ""
            async for chunk in self._service.astream(_wire(messages)):
                text += _delta(chunk)
                yield _response(text, _delta(chunk), chunk)

        return responses()

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        raise NotImplementedError("Only chats are measured.")

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        raise NotImplementedError("Only chats are measured.")


def _wire(messages: Sequence[ChatMessage]) -> list[dict[str, str]]:
    return [{"role": each.role.value, "content": each.content or ""} for each in messages]


def _whole(answer: Mapping[str, Any]) -> ChatResponse:
    return _response(answer["choices"][0]["message"]["content"], None, answer)


def _delta(chunk: Mapping[str, Any]) -> str:
    return chunk["choices"][0]["delta"].get("content") or ""


def _response(text: str, delta: str | None, raw: Mapping[str, Any]) -> ChatResponse:
    return ChatResponse(message=ChatMessage(role="assistant", content=text), delta=delta, raw=raw)
