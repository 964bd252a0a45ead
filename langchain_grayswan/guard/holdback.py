"""Chunks of LangChain's, held back until they have been judged. Sans-I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.outputs.chat_generation import merge_chat_generation_chunks

from grayswan_core import Judgement
from grayswan_core.cygnal.holdback import Holdback
from grayswan_core.cygnal.protection import Protection
from grayswan_core.wire import MonitorMessage
from langchain_grayswan.guard.reading import DIALECT
from langchain_grayswan.guard.refusing import refusal_chunk, stamped

__all__ = ["ChunkHoldback"]


class ChunkHoldback(Holdback[BaseMessage, ChatGenerationChunk]):
    """The `Holdback` of a stream of LangChain's, whose chunks are added up.

    Args:
        protection: What is judged.
        context: What came before, as the monitor reads it.
    """

    def __init__(self, protection: Protection, context: Sequence[MonitorMessage]) -> None:
        super().__init__(protection, context, DIALECT)
        self._released: list[ChatGenerationChunk] = []

    def answer(self) -> AIMessageChunk:
        """The response so far."""
        return _merged([*self._released, *self._held])

    def finish(self, report: Mapping[str, Any]) -> list[ChatGenerationChunk]:
        """The chunks left; one without text, if there is none to note the judgement on."""
        last = self.release_all() or [
            ChatGenerationChunk(message=AIMessageChunk(content="", id=self.answer().id))
        ]
        stamped(last[-1], report)
        return last

    def refuse(self, judgement: Judgement) -> ChatGenerationChunk:
        """The chunk that ends the stream in place of those held back."""
        if not self._released:
            return refusal_chunk(self._protection, judgement, self.answer() if self._held else None)
        # LangChain adds chunks up, so what released ones said is not said again.
        said = _merged(self._released)
        unsaid = _merged(self._held).model_copy(update={"id": said.id})
        released = str(said.text)
        provider = said.response_metadata.get("model_provider")
        return refusal_chunk(
            self._protection, judgement, unsaid, released=released, provider=provider
        )

    def _text(self, chunk: ChatGenerationChunk) -> str:
        content = chunk.message.content
        return content if isinstance(content, str) else ""

    def _is_text(self, chunk: ChatGenerationChunk) -> bool:
        message = chunk.message
        return isinstance(message.content, str) and not getattr(message, "tool_call_chunks", None)

    def _pop(self, end: int) -> list[ChatGenerationChunk]:
        released = super()._pop(end)
        self._released += released
        return released


def _merged(chunks: list[ChatGenerationChunk]) -> AIMessageChunk:
    merged = merge_chat_generation_chunks(chunks)
    if merged is None:
        return AIMessageChunk(content="")
    message = merged.message
    if not isinstance(message, AIMessageChunk):  # of a model that answers in a role of its own
        return AIMessageChunk(content=message.content, id=message.id)
    return message
