"""Responses of an LLM's stream, held back until they have been judged. Sans-I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage

from grayswan_core import Judgement
from grayswan_core.cygnal.check import Check
from grayswan_core.cygnal.holdback import Holdback
from grayswan_core.cygnal.protection import Protection
from grayswan_core.wire import MonitorMessage
from llama_index_grayswan.guard.reading import DIALECT, made_calls
from llama_index_grayswan.guard.refusing import beside, message_of, noted, refusal, with_kwargs

__all__ = ["ResponseHoldback"]


class ResponseHoldback(Holdback[ChatMessage, Any]):
    """The `Holdback` of a stream of LlamaIndex's, of which each item holds the response so far.

    Args:
        protection: What is judged.
        context: What came before, as the monitor reads it.
        kind: The class of the responses.
    """

    def __init__(
        self, protection: Protection, context: Sequence[MonitorMessage], kind: type[Any]
    ) -> None:
        super().__init__(protection, context, DIALECT)
        self._kind = kind
        self._last: Any = None
        self._deltas: list[str] = []
        self._beside: dict[str, str] = {}

    def add(self, chunk: Any) -> Check | None:
        """Take a response in. How the text so far is judged, if it is time."""
        self._last = chunk
        self._deltas.append(self._text(chunk))
        for key, value in beside(chunk).items():
            if isinstance(value, str):  # each has a part, or all so far
                before = self._beside.get(key, "")
                self._beside[key] = value if value.startswith(before) else before + value
        return super().add(chunk)

    def answer(self) -> ChatMessage:
        """The response so far; some integrations leave text out of the message of a stream."""
        message = with_kwargs(message_of(self._last), self._beside)
        text = "".join(self._deltas)
        if text in (message.content or ""):
            return message
        blocks = [*message.blocks, *ChatMessage(content=f"\n{text}").blocks]
        return message.model_copy(update={"blocks": blocks})

    def finish(self, report: Mapping[str, Any]) -> list[Any]:
        """The responses left; one that adds nothing, if there is none to note the judgement on."""
        rest = self.release_all()
        if not rest and self._last is not None:
            rest = [self._last.model_copy(update={"delta": ""})]
        return [*rest[:-1], *(noted(each, report) for each in rest[-1:])]

    def refuse(self, judgement: Judgement) -> Any:
        """The response that ends the stream in place of those held back."""
        released = "".join(self._deltas[: len(self._deltas) - len(self._held)])
        return refusal(self._protection, judgement, self._kind, self._last, released=released)

    def _text(self, chunk: Any) -> str:
        return chunk.delta or ""

    def _is_text(self, chunk: Any) -> bool:
        return not made_calls(message_of(chunk))
