"""The engine that asks the model."""

from __future__ import annotations

import json
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any

from grayswan_devserver.answers import play
from grayswan_devserver.engine import (
    FinishPiece,
    TextPiece,
    ToolCallPiece,
    UnfitRequestError,
    UsagePiece,
)
from grayswan_devserver.rules.conversation import Conversation
from grayswan_devserver.rules.refusal import refuse
from grayswan_devserver.rules.schemas import Schemas
from grayswan_devserver.smollm2.asking import asked
from grayswan_devserver.smollm2.choosing import chosen_tool
from grayswan_devserver.smollm2.model import CONTEXT_TOKENS, loaded, stream

if TYPE_CHECKING:
    from collections.abc import Generator

    from grayswan_core.wire import ChatRequest, FunctionDefinition
    from grayswan_devserver.engine import Pieces
    from grayswan_devserver.smollm2.model import ChatServer, Chunk

__all__ = ["SmolLM2Engine"]


class SmolLM2Engine:
    """Answers with SmolLM2-135M-Instruct in four bits, on the CPU.

    The model is small and often wrong; what it says changes from one call to the next unless
    `temperature` is 0. Untrusted text is delimited (`prompting`), a tool is called where the
    request clearly asks for it (`choosing`), and its arguments are held to its schema
    (`grammar`). The `n` answers are written one after the other.

    Args:
        server: llama.cpp's server; loaded once for a process unless given.

    Raises:
        MissingModelError: a package is missing; it says which commands install it.
    """

    fingerprint = "smollm2-135m-instruct-q4_1"

    def __init__(self, server: ChatServer | None = None) -> None:
        self._server = server or loaded()

    def generate(self, request: ChatRequest) -> Pieces:
        """Answer one request.

        Raises:
            UnfitRequestError: the conversation is too long, or a schema cannot be held to.
        """
        conversation = Conversation(request)
        refusal = refuse(conversation)
        if refusal is not None:
            yield from play(refusal, request)
            return
        tool = chosen_tool(conversation)
        body = asked(request, tool)
        prompt_tokens = completion_tokens = 0
        for index in range(request.n or 1):
            usage = yield from self._choice(index, body, tool)
            prompt_tokens = usage["prompt_tokens"]
            completion_tokens += usage["completion_tokens"]
        yield UsagePiece(prompt_tokens, completion_tokens)

    def _choice(
        self, index: int, body: dict[str, Any], tool: FunctionDefinition | None
    ) -> Generator[TextPiece | ToolCallPiece | FinishPiece, None, dict[str, int]]:
        """Write one choice; gives back what it took."""
        written, reason, usage = "", "stop", {"prompt_tokens": 0, "completion_tokens": 0}
        with closing(stream(self._server, body)) as chunks:
            for chunk in chunks:
                _raise_error(chunk)
                usage = chunk.get("usage") or usage
                for part in chunk["choices"]:
                    reason = part["finish_reason"] or reason
                    text = part["delta"].get("content") or ""
                    if tool is not None and not written and text:
                        call_id = f"call_{uuid.uuid4().hex[:24]}"
                        yield ToolCallPiece(index, 0, id=call_id, name=tool.name)
                    if text:
                        written += text
                        yield _piece(index, text, tool)
        if tool is not None and reason == "stop":
            _check(written, tool)
            reason = "tool_calls"
        yield FinishPiece(index, reason)
        return usage


def _piece(index: int, text: str, tool: FunctionDefinition | None) -> TextPiece | ToolCallPiece:
    return TextPiece(index, text) if tool is None else ToolCallPiece(index, 0, arguments=text)


def _check(arguments: str, tool: FunctionDefinition) -> None:
    """Hand out no call as complete that is not what its schema asks for.

    Raises:
        ValueError: it is not.
    """
    if not Schemas(tool.parameters).conforms(json.loads(arguments), tool.parameters):
        raise ValueError(f"the model's arguments for {tool.name} do not fit its schema")


def _raise_error(chunk: Chunk) -> None:
    error = chunk.get("error")
    if error is None:
        return
    if error.get("type") == "exceed_context_size_error":
        raise UnfitRequestError(
            "context_length_exceeded",
            "The prompt is too long for the model.",
            f"It has {error.get('n_prompt_tokens')} tokens of at most {CONTEXT_TOKENS}.",
        )
    raise RuntimeError(f"llama.cpp: {error.get('message', error)}")
