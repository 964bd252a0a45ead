"""The client: complete, stream and moderate, each sync and async."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from grayswan_core.base_client import BaseClient
from grayswan_core.decoding.accumulate import Accumulator
from grayswan_core.decoding.chunk_stream import ChunkStream, Review
from grayswan_core.decoding.json_body import JSONBody
from grayswan_core.decoding.stop import normalize_stop, truncate
from grayswan_core.http.attempt import Call
from grayswan_core.http.exchange import aonly, only
from grayswan_core.http.protocol import TransportName
from grayswan_core.http.transports import Transports
from grayswan_core.untrusted.spans import unmarked
from grayswan_core.wire import (
    MODERATION_PATH,
    ChatRequest,
    ChatResponse,
    Chunk,
    ModerationRequest,
    ModerationResponse,
)

if TYPE_CHECKING:
    from grayswan_core.config import ClientConfig

__all__ = ["CygnetClient"]


class CygnetClient(BaseClient):
    """A client of the Cygnet API.

    It may be used from any number of threads and event loops at once, and in forked processes.
    It is a context manager, sync and async; a call after `close` opens new connections.

    Args:
        config: Key, address, timeouts, limits and retries.
        http_client: A client of httpx or httpx2 to use for sync calls, for certificates, tracers
            and the like. It is not closed here.
        http_async_client: The same for async calls, or a function that makes one. The function
            is called for each event loop, and what it made is closed here.
        transport: What sends requests where no client is given: `direct` (sockets), `httpx`, or
            `auto`, which is `direct` unless the environment names a proxy for the address.

    Raises:
        ConfigurationError: a client or the proxy cannot be used.
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        http_client: Any = None,
        http_async_client: Any = None,
        transport: TransportName = "auto",
    ) -> None:
        transports = Transports(
            config.base_url, config.limits, transport, http_client, http_async_client
        )
        super().__init__(config, transports)

    def complete(self, request: ChatRequest, *, stop: Sequence[str] = ()) -> ChatResponse:
        """Get a whole response.

        Args:
            request: What is sent.
            stop: Sequences that end the text; enforced here, since the API has no such field.

        Raises:
            InvalidRequestError: the request cannot be put on the wire.
            APIError: the request failed, and retrying did not help.
        """
        sequences = normalize_stop(stop)
        response = only(self._exchange.run(self._completion_call(request)))
        return _stopped(response, sequences)

    async def acomplete(self, request: ChatRequest, *, stop: Sequence[str] = ()) -> ChatResponse:
        """`complete`, async."""
        sequences = normalize_stop(stop)
        response = await aonly(self._exchange.arun(self._completion_call(request)))
        return _stopped(response, sequences)

    def stream(
        self,
        request: ChatRequest,
        *,
        stop: Sequence[str] = (),
        answer: Accumulator | None = None,
        review: Review | None = None,
    ) -> Generator[Chunk, None, None]:
        """Get a response in chunks, as they come.

        The connection is closed when the response is complete, and at once when the generator is
        closed or dropped before. Errors are those of `complete`; one that comes after the first
        chunk carries what had arrived (`partial`) and is not retried.

        Args:
            request: What is sent.
            stop: As in `complete`.
            answer: Adds up the chunks of the try that is under way; else one made here does.
            review: Decides which chunks are handed out.
        """
        return self._exchange.run(self._stream_call(request, stop, answer, review))

    def astream(
        self,
        request: ChatRequest,
        *,
        stop: Sequence[str] = (),
        answer: Accumulator | None = None,
        review: Review | None = None,
    ) -> AsyncGenerator[Chunk, None]:
        """`stream`, async."""
        return self._exchange.arun(self._stream_call(request, stop, answer, review))

    def moderate(self, request: ModerationRequest) -> ModerationResponse:
        """Have the API judge a text. Errors are those of `complete`."""
        return only(self._exchange.run(self._moderation_call(request)))

    async def amoderate(self, request: ModerationRequest) -> ModerationResponse:
        """`moderate`, async."""
        return await aonly(self._exchange.arun(self._moderation_call(request)))

    def _completion_call(self, request: ChatRequest) -> Call[ChatResponse]:
        path = self._config.chat_path
        return self._call(path, request.to_body, lambda: JSONBody(ChatResponse))

    def _stream_call(
        self,
        request: ChatRequest,
        stop: Sequence[str],
        answer: Accumulator | None,
        review: Review | None,
    ) -> Call[Chunk]:
        sequences = normalize_stop(stop)

        def new_reader() -> ChunkStream:
            return ChunkStream(
                stop=sequences,
                expected_choices=request.n or 1,
                max_event_size=self._config.limits.max_event_size,
                answer=answer,
                review=review,
            )

        written = partial(request.to_body, stream=True)
        return self._call(self._config.chat_path, written, new_reader, streams=True)

    def _moderation_call(self, request: ModerationRequest) -> Call[ModerationResponse]:
        bare = request.model_copy(update={"input": unmarked(request.input)})
        return self._call(MODERATION_PATH, bare.to_body, lambda: JSONBody(ModerationResponse))


def _stopped(response: ChatResponse, stop: Sequence[str]) -> ChatResponse:
    """The response, cut at the first stop sequence of each choice."""
    for choice in response.choices if stop else ():
        text, found = truncate(choice.message.content or "", stop)
        if found:
            choice.message.content = text
            choice.message.tool_calls = None
            choice.finish_reason = "stop"
    return response
