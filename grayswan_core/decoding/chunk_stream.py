"""Bytes of a streamed response to its chunks, and the judgement whether it is whole. Sans-I/O.

A response is whole when every choice ended with its finish reason, or `[DONE]` came after some
part of one. Some gateways repeat the finish reason in every chunk: once a choice goes on after
its finish reason, only `[DONE]` tells. Whatever ends the stream before is an error, and the error
carries what had arrived.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from pydantic_core import from_json

from grayswan_core.decoding.accumulate import Accumulator
from grayswan_core.decoding.error_body import error_from_event, excerpt, says_error, text_or_json
from grayswan_core.decoding.sse import Event, EventDecoder, EventTooLargeError
from grayswan_core.decoding.stop import StopFilter
from grayswan_core.errors import (
    APIError,
    IncompleteStreamError,
    ResponseError,
    StreamError,
)
from grayswan_core.limits import DEFAULT_LIMITS
from grayswan_core.wire import Chunk, ChunkChoice, parse_chunk

__all__ = ["ChunkStream", "Review"]

_DONE = b"[DONE]"
_FIELDS = Chunk.__annotations__.keys()


class Review(Protocol):
    """Decides which chunks of a stream are handed out; it raises for a response not to act on."""

    def clear(self) -> None:
        """Forget all chunks, as when the request is sent again."""

    def sieve(self, choice: ChunkChoice) -> None:
        """Take tool calls out of a choice that are neither added up nor handed out."""

    def admit(self, chunk: Chunk, answer: Accumulator) -> Sequence[Chunk]:
        """The chunks that may be handed out now that this one has been added to the response."""

    def end(self, answer: Accumulator) -> Sequence[Chunk]:
        """Judge the response at its end; the chunks that were held back until then."""


class ChunkStream:
    """One streamed response: feed it bytes, take out chunks, close it at the stream's end.

    Args:
        stop: Stop sequences. Text from the first one on is taken out, and the response ends
            there with finish reason `stop`.
        expected_choices: How many choices were asked for (`n`).
        max_event_size: Bytes that one event may take.
        answer: Adds up the chunks; emptied first.
        review: Decides which chunks are handed out; by default, all.

    Attributes:
        request_id: The header `x-request-id`; the first chunk carries it.
        started: Whether any chunk has been handed out.
        done: Whether nothing more is to be read, so that the connection may be closed.
        cut: Whether that is because of a stop sequence, with the API still sending.
    """

    request_id: str | None = None

    def __init__(
        self,
        *,
        stop: Sequence[str] = (),
        expected_choices: int = 1,
        max_event_size: int = DEFAULT_LIMITS.max_event_size,
        answer: Accumulator | None = None,
        review: Review | None = None,
    ) -> None:
        self.done = False
        self.cut = False
        self._decoder = EventDecoder(max_event_size)
        self._answer = Accumulator() if answer is None else answer
        self._answer.clear()
        self._review = review
        if review is not None:
            review.clear()
        self.started = False
        self._identified = False
        self._stop = stop
        self._filters: dict[int, StopFilter] = {}
        self._flushed: set[int] = set()
        self._expected_choices = expected_choices

    @property
    def resumed(self) -> bool:
        """Whether a choice went on after its finish reason; then only `[DONE]` ends it well."""
        return not self.done and self._answer.resumed

    @property
    def finished(self) -> bool:
        """Whether the response is whole. The stream may have more to say: usage, `[DONE]`."""
        ended = self.done or self._answer.finished(self._expected_choices)
        return ended and self._answer.has_choices

    def feed(self, piece: bytes) -> Iterator[Chunk]:
        """The chunks that end within this piece of the body.

        Raises:
            APIError: the stream reports an error, or is not one that can be read.
        """
        too_large = None
        try:
            events = self._decoder.feed(piece)
        except EventTooLargeError as error:
            events, too_large = error.before, error
        for event in events:
            if self.done:
                return
            chunk = self._read(event)
            if chunk is not None:
                for admitted in self._admitted(chunk):
                    self.started = True
                    yield admitted
        if too_large is not None and not self.done:
            raise self.failed(ResponseError(str(too_large))) from too_large

    def close(self) -> Iterable[Chunk]:
        """Say that the body has ended; the chunks that were held back until then.

        Raises:
            IncompleteStreamError: it ended before the response did.
            APIError: the review found that the response is not one to act on.
        """
        if self.finished:
            return () if self._review is None else self._review.end(self._answer)
        if self.done:
            raise self.failed(IncompleteStreamError("The stream ended before the response began."))
        raise self.failed(
            IncompleteStreamError(
                "The stream ended before the response did: neither [DONE] nor a last finish reason"
                " had come. What had arrived is on this error's `partial`."
            )
        )

    def failed(self, error: APIError) -> APIError:
        """The same error, carrying what has arrived of the response."""
        held = self._held_back()
        if held is not None:
            self._answer.add(held)
        error.partial = self._answer.response()
        return error

    def _admitted(self, chunk: Chunk) -> Sequence[Chunk]:
        if not self._identified:
            self._identified = True
            if self.request_id is not None:
                chunk["request_id"] = self.request_id
        if self._review is None:
            self._answer.add(chunk)
            return (chunk,)
        self._answer.add(chunk, self._review.sieve)
        return self._review.admit(chunk, self._answer)

    def _read(self, event: Event) -> Chunk | None:
        """What there is to hand out of an event."""
        chunk = _chunk_in(event)
        if chunk is None:
            return self._read_other(event)
        if self._stop:
            self._apply_stop(chunk)
        return chunk if chunk.get("choices") or chunk.get("usage") else None

    def _read_other(self, event: Event) -> Chunk | None:
        """The same of what is no chunk: the response's end, a keep-alive, or an error."""
        data = event.data.strip()
        if data == _DONE:
            self.done = True
            return self._held_back()
        if not data and event.name != b"error":
            return None
        error = _reported(event)
        raise self.failed(error) from error.__cause__

    def _apply_stop(self, chunk: Chunk) -> None:
        chunk["choices"] = [choice for choice in chunk.get("choices", ()) if self._cut(choice)]
        if len(self._filters) == self._expected_choices and all(
            stop.stopped for stop in self._filters.values()
        ):
            self.done = self.cut = True

    def _cut(self, choice: ChunkChoice) -> bool:
        """Take the text from the stop sequence on out of a choice; False if it had ended."""
        index = choice.get("index", 0)
        stop = self._filters.setdefault(index, StopFilter(self._stop))
        if stop.stopped:
            return False
        delta = choice.setdefault("delta", {})
        text = stop.feed(delta.get("content") or "")
        if stop.stopped:
            choice["finish_reason"] = "stop"
            delta.pop("tool_calls", None)
        elif choice.get("finish_reason") and index not in self._flushed:
            # If it goes on, what is held back from then on waits for `[DONE]`.
            self._flushed.add(index)
            text += stop.flush()
        if delta.get("content") is not None or text:
            delta["content"] = text
        return True

    def _held_back(self) -> Chunk | None:
        """The text that waited for a stop sequence which did not come."""
        held = {index: stop.flush() for index, stop in self._filters.items()}
        choices: list[ChunkChoice] = [
            {"index": index, "delta": {"content": text}} for index, text in held.items() if text
        ]
        return Chunk(choices=choices) if choices else None


def _chunk_in(event: Event) -> Chunk | None:
    """The chunk, or None when it is none but an error, nonsense or no JSON."""
    if event.name == b"error":
        return None
    try:
        chunk = parse_chunk(event.data)
    except ValueError:
        return None
    # Only an object with a field that chunks lack can be an error.
    return chunk if chunk.keys() <= _FIELDS or not says_error(chunk) else None


def _reported(event: Event) -> APIError:
    """The error for an event that is no chunk: what the API reports, or nonsense."""
    cause = payload = None
    try:
        payload = from_json(event.data)
    except ValueError as error:  # its words name a place, and hold nothing of the data
        cause = ValueError(str(error))
    if isinstance(payload, dict) and (says_error(payload) or event.name == b"error"):
        return error_from_event(payload)
    said = excerpt(event.data)
    if event.name == b"error":
        return StreamError(f"The API reported an error: {said}", body=text_or_json(event.data))
    unreadable = ResponseError(
        f"An event of the stream cannot be read: {said!r}", body=text_or_json(event.data)
    )
    unreadable.__cause__ = cause
    return unreadable
