"""How a model's response is judged, whole or in windows. Sans-I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.outputs.chat_generation import merge_chat_generation_chunks

from grayswan_core import Judgement
from grayswan_core.cygnal.check import Check
from grayswan_core.cygnal.protection import Protection
from grayswan_core.cygnal.verdict import Stage
from grayswan_core.wire import MonitorMessage
from langchain_grayswan.guard.reading import made_calls, read
from langchain_grayswan.guard.refusing import refusal_chunk, stamped

__all__ = ["Holdback", "answer_check", "approve_calls"]


def answer_check(
    protection: Protection, answer: AIMessage, context: Sequence[MonitorMessage]
) -> Check | None:
    """How a response is judged: its text and its calls together; None where neither is."""
    calls = bool(made_calls(answer)) and protection.check_tool_calls
    stages: tuple[Stage, ...] = ("output",) if protection.check_output else ()
    if calls:
        stages = (*stages, "tool_call")
    if not stages:
        return None
    judged = read(answer, text=protection.check_output, calls=calls)
    return Check(judged, stages, context)


def approve_calls(protection: Protection, answer: AIMessage) -> None:
    """Remember the calls of a response that was allowed."""
    protection.guard.approve(made_calls(answer))


class Holdback:
    """Holds the chunks of a stream back until they have been judged.

    Text is judged with all that came before it, whenever another window of it has come. Then it is
    released, but for a tail, so that nothing is released of a flagged passage that has only begun.
    Calls are judged when they are whole, at the end, and so is what comes after them.

    Args:
        protection: What is judged.
        context: What came before, as the monitor reads it.
    """

    def __init__(self, protection: Protection, context: Sequence[MonitorMessage]) -> None:
        self._protection = protection
        self._context = context
        self._held: list[ChatGenerationChunk] = []
        self._released: list[ChatGenerationChunk] = []
        self._unjudged = 0
        self._windows = (
            protection.streaming == "window" and protection.check_output and protection.blocks
        )

    def add(self, chunk: ChatGenerationChunk) -> Check | None:
        """Take a chunk in. How the text so far is judged, if it is time."""
        self._held.append(chunk)
        if not self._windows:
            return None
        message = chunk.message
        # What is beside text may be part of a call, and is judged as a whole at the end.
        if getattr(message, "tool_call_chunks", None) or not isinstance(message.content, str):
            self._windows = False
            return None
        self._unjudged += len(message.content)
        if self._unjudged < self._protection.window_size:
            return None
        return answer_check(self._protection, self.answer(), self._context)

    def end(self) -> Check | None:
        """How the whole response is judged."""
        if not (self._released or self._held):
            return None
        return answer_check(self._protection, self.answer(), self._context)

    def release(self) -> list[ChatGenerationChunk]:
        """The chunks that may be handed out after a judgement: all but the tail."""
        end, tail = len(self._held), 0
        while end and tail < self._protection.tail_size:
            end -= 1
            tail += len(self._held[end].message.content)
        self._unjudged = 0
        return self._pop(end)

    def release_all(self) -> list[ChatGenerationChunk]:
        """All chunks."""
        return self._pop(len(self._held))

    def finish(self, report: dict[str, Any]) -> list[ChatGenerationChunk]:
        """The chunks left, the judgement noted on the last one."""
        answer = self.answer()
        approve_calls(self._protection, answer)
        last = self.release_all() or [
            ChatGenerationChunk(message=AIMessageChunk(content="", id=answer.id))
        ]
        stamped(last[-1], report)
        return last

    def _pop(self, end: int) -> list[ChatGenerationChunk]:
        released, self._held = self._held[:end], self._held[end:]
        self._released += released
        return released

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

    def answer(self) -> AIMessageChunk:
        """The response so far."""
        return _merged([*self._released, *self._held])


def _merged(chunks: list[ChatGenerationChunk]) -> AIMessageChunk:
    merged = merge_chat_generation_chunks(chunks)
    if merged is None or not isinstance(merged.message, AIMessageChunk):
        return AIMessageChunk(content="")
    return merged.message
