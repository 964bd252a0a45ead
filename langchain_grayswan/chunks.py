"""Message chunks whose sum never holds a tool call that the model did not make.

LangChain completes the arguments of a streamed call where they are no JSON: it closes what is open
and leaves out what is too much, so `{"amount": 100` becomes a call. And it knows no refusals. The
chunks here are LangChain's, but for what they add up to: once the last one is in, each call is read
as strictly as a whole response's are, and what cannot be read, or must not be run, is in
`invalid_tool_calls`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from langchain_core.messages import AIMessage, AIMessageChunk, InvalidToolCall, ToolCall
from langchain_core.messages.tool import ToolCallChunk, invalid_tool_call, tool_call
from pydantic import model_validator
from typing_extensions import Self

from grayswan_core.decoding.partial_json import arguments_so_far
from grayswan_core.decoding.tool_calls import parse_arguments
from grayswan_core.wire import REFUSALS

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass as _MessageType
else:
    _MessageType = type(AIMessage)

__all__ = ["ResponseChunk", "block_index", "call_block", "calls_so_far", "read_call"]


def read_call(
    call_id: str | None, name: str | None, arguments: str | None, finish_reason: str | None
) -> ToolCall | InvalidToolCall:
    """A tool call, or why it cannot be made.

    Args:
        call_id: Its id.
        name: The tool's name.
        arguments: JSON text, as it came.
        finish_reason: Why the response ended. The calls of one that was refused are not made.
    """
    error = None
    if finish_reason in REFUSALS:
        error = f"The response was refused (finish reason {finish_reason!r}). Do not run its calls."
    else:
        try:
            return tool_call(name=name or "", args=parse_arguments(arguments or ""), id=call_id)
        except ValueError as problem:
            error = str(problem)
    return invalid_tool_call(name=name, args=arguments or "", id=call_id, error=error)


def calls_so_far(
    chunks: Sequence[ToolCallChunk],
) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """The calls that are still arriving, and the pieces of calls whose beginning is elsewhere.

    As LangChain tells them apart, but with a parser that takes 16,000 characters in microseconds.
    """
    calls: list[ToolCall] = []
    pieces: list[InvalidToolCall] = []
    for chunk in chunks:
        name, text, call_id = chunk["name"], chunk["args"] or "", chunk["id"]
        if not text or text.lstrip().startswith("{"):
            arguments = arguments_so_far(text) if text else {}
            calls.append(tool_call(name=name or "", args=arguments, id=call_id))
        else:
            pieces.append(invalid_tool_call(name=name, args=text, id=call_id, error=None))
    return calls, pieces


def call_block(call: ToolCall | InvalidToolCall) -> dict[str, Any]:
    """A call as a block of content."""
    return {name: value for name, value in call.items() if value is not None}


def block_index(index: int | str | None) -> str:
    """The index of a call's block of content. A number would be taken for the text's."""
    return f"lc_tool_call_{index}"


class _ChunkType(_MessageType):
    """Makes `_Message(...)` a plain `AIMessage`."""

    def __call__(cls, *content: Any, **fields: Any) -> Any:  # noqa: N805 - a class's class
        return (
            AIMessage(*content, **fields)
            if cls is _Message
            else super().__call__(*content, **fields)
        )


class _Message(AIMessage, metaclass=_ChunkType):
    """What LangChain makes of a chunk: its `message_chunk_to_message` takes the first parent."""


class ResponseChunk(_Message, AIMessageChunk, metaclass=_ChunkType):
    """An `AIMessageChunk` that, added up to the last one, holds the calls that may be made."""

    type: Literal["AIMessageChunk"] = "AIMessageChunk"  # type: ignore[assignment]

    @model_validator(mode="after")
    def init_tool_calls(self) -> Self:
        """Read the calls, strictly once the response is whole."""
        if not self.tool_call_chunks:
            AIMessageChunk.init_tool_calls(self)  # type: ignore[operator]
        elif self.chunk_position == "last":
            self._set_calls(self.read_calls())
        else:
            self.tool_calls, self.invalid_tool_calls = calls_so_far(self.tool_call_chunks)
        return self

    def read_calls(self) -> list[ToolCall | InvalidToolCall]:
        """The calls of the whole response, one for each of `tool_call_chunks`."""
        finish_reason = self.response_metadata.get("finish_reason")
        return [
            read_call(chunk["id"], chunk["name"], chunk["args"], finish_reason)
            for chunk in self.tool_call_chunks
        ]

    def _set_calls(self, calls: Sequence[ToolCall | InvalidToolCall]) -> None:
        self.tool_calls = [call for call in calls if call["type"] == "tool_call"]
        self.invalid_tool_calls = [call for call in calls if call["type"] == "invalid_tool_call"]
        if isinstance(self.content, list):
            blocks = {call["id"]: call_block(call) for call in calls}
            self.content = [
                blocks.get(block.get("id"), block)
                if isinstance(block, dict) and block.get("type") in _CALL_BLOCKS
                else block
                for block in self.content
            ]

    def repeat_calls(self, chunks: Sequence[ResponseChunk]) -> None:
        """Put the calls of the whole response into this last chunk's content.

        Args:
            chunks: Those of the other chunks that have deltas of calls.
        """
        whole = cast("ResponseChunk", chunks[0] + [*chunks[1:], self])
        calls = zip(whole.tool_call_chunks, whole.read_calls(), strict=True)
        repeated = [
            {**call_block(call), "index": block_index(chunk["index"])} for chunk, call in calls
        ]
        self.content = [*cast("list[Any]", self.content_blocks), *repeated]

    def __radd__(self, other: Any) -> Any:
        """Make a sum that begins with a plain chunk one of this class, too."""
        if not isinstance(other, AIMessageChunk):
            return NotImplemented
        return type(self)(**{name: getattr(other, name) for name in other.model_fields_set}) + self

    def __repr_name__(self) -> str:
        return AIMessageChunk.__name__

    @classmethod
    def lc_id(cls) -> list[str]:
        """Serialized as the class that LangChain knows."""
        return AIMessageChunk.lc_id()


_CALL_BLOCKS = frozenset({"tool_call", "tool_call_chunk"})
