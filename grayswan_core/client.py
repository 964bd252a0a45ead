"""The client: complete, stream and moderate, each sync and async. The only module that sleeps.

The two shells, `_exchange` and `_aexchange`, differ in their I/O alone. What an answer is, and
what is wrong with it, is judged by pure readers (`chunk_stream`, `whole_body`); whether to try
again by `retry`.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import (
    AsyncGenerator,
    Callable,
    Generator,
    Iterable,
    Sequence,
)
from contextlib import aclosing, closing
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from typing_extensions import Self

from grayswan_core import transport
from grayswan_core.chunk_stream import ChunkStream
from grayswan_core.error_responses import error_from_response, error_from_wrong_type
from grayswan_core.errors import APIConnectionError, APIError
from grayswan_core.stop import normalize_stop, truncate
from grayswan_core.whole_body import WholeBody
from grayswan_core.wire import (
    MODERATION_PATH,
    ChatRequest,
    ChatResponse,
    Chunk,
    ModerationRequest,
    ModerationResponse,
)

if TYPE_CHECKING:
    import httpx

    from grayswan_core.config import ClientConfig, Timeout

__all__ = ["CygnetClient"]

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)

# Anything shorter is a stand-in for tests, and is found in plain words.
_SHORTEST_SECRET = 8

_JSON = "application/json"
_EVENT_STREAM = "text/event-stream"


class _Reader(Protocol[_T_co]):
    """Turns the pieces of a body into items, and knows when there are no more to come."""

    @property
    def done(self) -> bool: ...
    @property
    def started(self) -> bool: ...
    @property
    def finished(self) -> bool: ...
    def feed(self, piece: bytes) -> Iterable[_T_co]: ...
    def close(self) -> Iterable[_T_co]: ...
    def failed(self, error: APIError) -> APIError: ...


@dataclass(frozen=True)
class _Call(Generic[_T]):
    """One request and how its answer is read; each try gets a reader of its own."""

    path: str
    body: bytes
    accept: str
    new_reader: Callable[[], _Reader[_T]]


class CygnetClient:
    """Speaks to the Cygnet API.

    It may be used from any number of threads and event loops at once, and in forked processes.
    It is a context manager, sync and async; a call after `close` opens new connections.

    Args:
        config: Key, address and manners.
        http_client: An `httpx.Client` to use for sync calls instead of the client's own, for
            proxies, certificates and the like. It is not closed here.
        http_async_client: The same for async calls.
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        http_client: httpx.Client | None = None,
        http_async_client: httpx.AsyncClient | None = None,
    ) -> None:
        self._config = config
        self._http = transport.HttpClients(http_client, http_async_client)

    def complete(self, request: ChatRequest, *, stop: Sequence[str] = ()) -> ChatResponse:
        """Get a whole answer.

        Args:
            request: What to ask.
            stop: Sequences that end the answer; enforced here, as the service has none.

        Raises:
            InvalidRequestError: the request cannot be put on the wire.
            APIError: the request failed, and retrying did not help.
        """
        sequences = normalize_stop(stop)
        (response,) = self._exchange(self._chat_call(request))
        return _stopped(response, sequences)

    async def acomplete(self, request: ChatRequest, *, stop: Sequence[str] = ()) -> ChatResponse:
        """`complete`, async."""
        sequences = normalize_stop(stop)
        async with aclosing(self._aexchange(self._chat_call(request))) as answers:
            (response,) = [answer async for answer in answers]
        return _stopped(response, sequences)

    def stream(
        self, request: ChatRequest, *, stop: Sequence[str] = ()
    ) -> Generator[Chunk, None, None]:
        """Get an answer in chunks, as they come.

        The connection is closed when the answer is complete, and at once when the generator is
        closed or dropped before. Arguments and errors are those of `complete`; an error that
        comes after the first chunk carries what had arrived (`partial`) and is not retried here.
        """
        return self._exchange(self._stream_call(request, stop))

    def astream(
        self, request: ChatRequest, *, stop: Sequence[str] = ()
    ) -> AsyncGenerator[Chunk, None]:
        """`stream`, async."""
        return self._aexchange(self._stream_call(request, stop))

    def moderate(self, request: ModerationRequest) -> ModerationResponse:
        """Ask the service to judge a text. Errors are those of `complete`."""
        (response,) = self._exchange(_moderation_call(request))
        return response

    async def amoderate(self, request: ModerationRequest) -> ModerationResponse:
        """`moderate`, async."""
        async with aclosing(self._aexchange(_moderation_call(request))) as answers:
            (response,) = [answer async for answer in answers]
        return response

    def close(self) -> None:
        """Close the connections, those in use by other threads too, whose calls then fail."""
        self._http.close()

    async def aclose(self) -> None:
        """Close the connections, those of the running event loop before this returns."""
        await self._http.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._config.base_url!r})"

    def _chat_call(self, request: ChatRequest) -> _Call[ChatResponse]:
        return _Call(
            self._config.chat_path, request.to_body(), _JSON, lambda: WholeBody(ChatResponse)
        )

    def _stream_call(self, request: ChatRequest, stop: Sequence[str]) -> _Call[Chunk]:
        sequences = normalize_stop(stop)
        return _Call(
            self._config.chat_path,
            request.to_body(stream=True),
            _EVENT_STREAM,
            lambda: ChunkStream(stop=sequences, expected_choices=request.n or 1),
        )

    def _exchange(self, call: _Call[_T]) -> Generator[_T, None, None]:
        for attempt in itertools.count(1):
            reader = call.new_reader()
            try:
                with transport.translated(), closing(self._send(call)) as response:
                    for piece in transport.pieces(response):
                        yield from reader.feed(piece)
                        if reader.done:
                            break
                yield from reader.close()
            except APIError as error:
                if _came_too_late(error, reader):
                    return
                delay = self._delay(attempt, error, reader)
                if delay is None:
                    raise
            else:
                return
            time.sleep(delay)

    async def _aexchange(self, call: _Call[_T]) -> AsyncGenerator[_T, None]:
        for attempt in itertools.count(1):
            reader = call.new_reader()
            try:
                # No context manager here may be an async generator: when a loop ends, it closes
                # all of them at once, and one cannot be closed while another closes it.
                with transport.translated(), await self._http.async_client() as client:
                    async with aclosing(await self._asend(client, call)) as response:
                        async for piece in transport.apieces(response):
                            for item in reader.feed(piece):
                                yield item
                            if reader.done:
                                break
                for item in reader.close():
                    yield item
            except APIError as error:
                if _came_too_late(error, reader):
                    return
                delay = self._delay(attempt, error, reader)
                if delay is None:
                    raise
            else:
                return
            await asyncio.sleep(delay)

    def _send(self, call: _Call[Any]) -> httpx.Response:
        """The response to one try, when it is of the kind asked for."""
        response = transport.send(self._http.sync_client(), *self._sending(call))
        if not _is_expected(response, call):
            with closing(response):
                raise _refusal(response, call, transport.read_head(response))
        return response

    async def _asend(self, client: httpx.AsyncClient, call: _Call[Any]) -> httpx.Response:
        """`_send`, async."""
        response = await transport.asend(client, *self._sending(call))
        if not _is_expected(response, call):
            async with aclosing(response):
                raise _refusal(response, call, await transport.aread_head(response))
        return response

    def _sending(self, call: _Call[Any]) -> tuple[str, dict[str, str], bytes, Timeout]:
        """Where a call goes and with what."""
        config = self._config
        headers = {
            **config.headers,
            "authorization": f"Bearer {config.api_key.get_secret_value()}",
            "content-type": _JSON,
            "accept": call.accept,
            # A small compressed body can unpack to gigabytes, and tokens compress badly.
            "accept-encoding": "identity",
        }
        return config.base_url + call.path, headers, call.body, config.timeout

    def _delay(self, attempt: int, error: APIError, reader: _Reader[Any]) -> float | None:
        """Seconds until the next try, or None when the error, now with what came, stands."""
        reader.failed(error)
        key = self._config.api_key.get_secret_value()
        if len(key) >= _SHORTEST_SECRET:
            error.hide(key)
        return None if reader.started else self._config.retry.delay(attempt, error)


def _moderation_call(request: ModerationRequest) -> _Call[ModerationResponse]:
    return _Call(MODERATION_PATH, request.to_body(), _JSON, lambda: WholeBody(ModerationResponse))


def _came_too_late(error: APIError, reader: _Reader[Any]) -> bool:
    """Whether the connection broke only when the answer was whole, so nothing is lost."""
    return reader.finished and isinstance(error, APIConnectionError)


def _is_expected(response: httpx.Response, call: _Call[Any]) -> bool:
    kind = response.headers.get("content-type", call.accept)
    return response.is_success and kind.partition(";")[0].strip().lower() == call.accept


def _refusal(response: httpx.Response, call: _Call[Any], body: bytes) -> APIError:
    headers = response.headers
    if response.is_success:
        return error_from_wrong_type(call.accept, headers, body)
    return error_from_response(response.status_code, headers, body)


def _stopped(response: ChatResponse, stop: Sequence[str]) -> ChatResponse:
    """The answer cut at the first stop sequence of each choice."""
    for choice in response.choices if stop else ():
        text, found = truncate(choice.message.content or "", stop)
        if found:
            choice.message.content = text
            choice.message.tool_calls = None
            choice.finish_reason = "stop"
    return response
