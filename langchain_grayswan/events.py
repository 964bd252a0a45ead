"""The chunks of a stream as the protocol events of `stream_events(version="v3")`. Sans-I/O.

Left to itself LangChain makes events of a model's message chunks: objects that are validated, taken
apart into blocks of content, and added up once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from langchain_core.version import VERSION

from grayswan_core.decoding.tool_calls import ToolCallAssembler
from grayswan_core.wire import ToolCallDelta
from langchain_grayswan.chunks import block_index, call_block, read_call
from langchain_grayswan.refusals import PROVIDER
from langchain_grayswan.responses import ChunkReader

if TYPE_CHECKING:
    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun

__all__ = ["IS_SPOKEN", "EventReader"]

IS_SPOKEN = tuple(map(int, VERSION.split(".")[:2])) >= (1, 7)
"""Whether langchain-core knows the events: before 1.7 it has others for the deltas of calls."""

Event: TypeAlias = Any
"""A `langchain_protocol.protocol.MessagesData`."""


class _Call(NamedTuple):
    """A call that has begun."""

    wire_index: int
    assembler: ToolCallAssembler


class EventReader(ChunkReader):
    """Turns the chunks of one stream into protocol events.

    Args:
        run: Tells the message's id.
    """

    def __init__(self, run: CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun) -> None:
        super().__init__()
        self._message_id = f"lc_run--{run.run_id}"
        self._has_begun = False
        self._text_index: int | None = None
        self._begun_calls: dict[int, _Call] = {}
        self._next_index = 0

    def events(self, content: str, calls: Sequence[ToolCallDelta]) -> Iterator[Event]:
        """The events of what `take` gave."""
        if not self._has_begun:
            yield self._start()
        if content:
            if self._text_index is None:
                self._text_index = self._new_index()
                yield _block_start(self._text_index, {"type": "text", "text": ""})
            yield {
                "event": "content-block-delta",
                "index": self._text_index,
                "delta": {"type": "text-delta", "text": content},
            }
        for delta in calls:
            yield from self._call_events(delta)

    def _start(self) -> Event:
        self._has_begun = True
        metadata = {"provider": PROVIDER}
        if model := self._about.get("model_name"):
            metadata["model"] = model
        return {
            "event": "message-start",
            "role": "ai",
            "id": self._message_id,
            "metadata": metadata,
        }

    def _new_index(self) -> int:
        self._next_index += 1
        return self._next_index - 1

    def _call_events(self, delta: ToolCallDelta) -> Iterator[Event]:
        index = delta.get("index", 0)
        function = delta.get("function") or {}
        call = self._begun_calls.get(index)
        if call is None:
            call = self._begun_calls[index] = _Call(self._new_index(), ToolCallAssembler())
            begun = {"type": "tool_call_chunk", "id": delta.get("id"), "name": function.get("name")}
            begun |= {"args": "", "index": block_index(index)}
            yield _block_start(call.wire_index, begun)
        call.assembler.add(delta)
        if arguments := function.get("arguments"):
            yield {
                "event": "content-block-delta",
                "index": call.wire_index,
                "delta": {"type": "tool-call-delta", "args": arguments},
            }

    def end_events(self) -> Iterator[Event]:
        """The events at the end, once the stream has ended well."""
        if not self._has_begun:
            yield self._start()
        last = self.end().message
        whole = dict(self._whole_blocks(last.response_metadata.get("finish_reason")))
        for block in last.content_blocks:  # a refusal
            whole[self._next_index] = block
            yield _block_start(self._new_index(), block)
        for index in sorted(whole):
            yield {"event": "content-block-finish", "index": index, "content": whole[index]}
        finish: dict[str, Any] = {"event": "message-finish", "metadata": last.response_metadata}
        if reason := last.response_metadata.get("finish_reason"):
            finish["finish_reason"] = reason  # a field of its own since langchain-core 1.8
        if usage := getattr(last, "usage_metadata", None):
            finish["usage"] = usage
        if last.additional_kwargs:
            finish["additional_kwargs"] = last.additional_kwargs
        yield finish

    def _whole_blocks(self, finish_reason: str | None) -> Iterator[tuple[int, Mapping[str, Any]]]:
        if self._text_index is not None:
            yield self._text_index, {"type": "text", "text": "".join(self._texts)}
        for wire_index, assembler in self._begun_calls.values():
            for call in assembler.calls():
                read = read_call(call.id or None, call.name, call.arguments, finish_reason)
                yield wire_index, call_block(read)


def _block_start(index: int, content: Any) -> Event:
    return {"event": "content-block-start", "index": index, "content": content}
