"""Whole answers, and how they are played as pieces, token by token."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any

from grayswan_devserver.engine import FinishPiece, Piece, TextPiece, ToolCallPiece, UsagePiece
from grayswan_devserver.tokens import count_prompt_tokens, split_tokens

if TYPE_CHECKING:
    from grayswan_core.wire import ChatRequest
    from grayswan_devserver.engine import Pieces

__all__ = ["Answer", "Call", "play"]


@dataclass(frozen=True)
class Call:
    """A tool call to answer with.

    `arguments` is a mapping, or JSON text to be sent as it stands (it may be broken, to see
    what a client does with it). Without an `id` one is made, the same for the same request.
    """

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    id: str | None = None

    @property
    def arguments_json(self) -> str:
        """The arguments as JSON text."""
        if isinstance(self.arguments, str):
            return self.arguments
        return json.dumps(self.arguments, ensure_ascii=False)


@dataclass(frozen=True)
class Answer:
    """One whole answer: text, or tool calls, or both.

    `finish_reason` left at `None` is `tool_calls` where there are calls and `stop` where there
    are none; `max_tokens` of a request makes it `length` where it cuts the answer.
    """

    text: str = ""
    tool_calls: Sequence[Call] = ()
    finish_reason: str | None = None

    @property
    def reason(self) -> str:
        """The finish reason of the answer when nothing cuts it."""
        return self.finish_reason or ("tool_calls" if self.tool_calls else "stop")


def play(answer: Answer, request: ChatRequest) -> Pieces:
    """Give an answer as pieces of one token each, all `n` choices in turns.

    `max_tokens` cuts each choice; the name of a call counts as one token.
    """
    choices = [_cut(answer, request, index) for index in range(request.n or 1)]
    completion_tokens = 0
    for piece in chain.from_iterable(zip_longest(*choices)):
        if piece is not None:
            completion_tokens += not isinstance(piece, FinishPiece)
            yield piece
    yield UsagePiece(count_prompt_tokens(request), completion_tokens)


def _cut(answer: Answer, request: ChatRequest, index: int) -> Iterator[Piece]:
    reason = answer.reason
    for position, piece in enumerate(_tokens(answer, request, index)):
        if position == request.max_tokens:
            reason = "length"
            break
        yield piece
    yield FinishPiece(index, reason)


def _tokens(answer: Answer, request: ChatRequest, index: int) -> Iterator[Piece]:
    for token in split_tokens(answer.text):
        yield TextPiece(index, token)
    for number, call in enumerate(answer.tool_calls):
        call_id = call.id or _call_id(request, index, number)
        yield ToolCallPiece(index, number, id=call_id, name=call.name)
        for token in split_tokens(call.arguments_json):
            yield ToolCallPiece(index, number, arguments=token)


def _call_id(request: ChatRequest, index: int, number: int) -> str:
    # From the conversation, so that the plain and the streamed answer agree, and so that no two
    # turns of a conversation share an id.
    messages = [message.model_dump_json() for message in request.messages]
    seed = json.dumps([messages, index, number]).encode()
    return f"call_{hashlib.blake2b(seed, digest_size=12).hexdigest()}"
