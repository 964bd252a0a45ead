"""What stands between HTTP and whatever writes the answers.

An engine is handed a request and gives back pieces, one after the other, as they come into
being. Both the plain answer and the event stream are made from the same pieces, so the two
cannot differ. The engine knows nothing of HTTP, of events or of JSON bodies; the HTTP side
writes no word of an answer.

For authors of an engine around a real model:

* `generate` is called in a worker thread, and each step of the generator runs in one (not
  always the same). It may block.
* Several requests run at the same time. An engine that cannot do that holds a lock inside
  the generator.
* A client that goes away closes the generator: `GeneratorExit` is raised at the `yield`, so
  `try: ... finally:` is the place to stop the model.
* A request that this engine cannot answer, but another might, is an `UnfitRequestError`; any other
  error is the engine's own failure.
* `max_tokens` and `n` are the engine's to honour, and it alone knows how it counts tokens.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from grayswan_core.wire import ChatRequest

__all__ = [
    "Engine",
    "FinishPiece",
    "Piece",
    "Pieces",
    "TextPiece",
    "ToolCallPiece",
    "UnfitRequestError",
    "UsagePiece",
]


class UnfitRequestError(Exception):
    """The request is valid, but not one this engine can answer; the client gets a status 400.

    Args:
        code: a name for the kind of error, as in `context_length_exceeded`.
        message: what is wrong.
        detail: more of it, and what helps.
    """

    def __init__(self, code: str, message: str, detail: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail


@dataclass(frozen=True)
class TextPiece:
    """More text of choice `index`."""

    index: int
    text: str


@dataclass(frozen=True)
class ToolCallPiece:
    """More of tool call number `call` of choice `index`.

    The first piece of a call carries its `id` and `name`, the following ones a part each of
    `arguments`, which is JSON text.
    """

    index: int
    call: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


@dataclass(frozen=True)
class FinishPiece:
    """Choice `index` is complete; `reason` is a finish reason of the wire."""

    index: int
    reason: str


@dataclass(frozen=True)
class UsagePiece:
    """The token counts of the whole request, over all choices; comes last."""

    prompt_tokens: int
    completion_tokens: int


Piece: TypeAlias = TextPiece | ToolCallPiece | FinishPiece | UsagePiece
Pieces: TypeAlias = Generator[Piece, None, None]


class Engine(Protocol):
    """Writes answers."""

    @property
    def fingerprint(self) -> str:
        """Name and version, sent as `system_fingerprint`."""

    def generate(self, request: ChatRequest) -> Pieces:
        """Answer one request, choice by choice or all choices in turns.

        Args:
            request: a request that has been checked: the model is known, and a tool that is
                named in `tool_choice` is among `tools`.

        Yields:
            for every choice from 0 to `n - 1` its text or calls and one `FinishPiece`; at the
            end one `UsagePiece`.
        """
