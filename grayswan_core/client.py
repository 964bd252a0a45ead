"""The client: complete, stream and moderate, each sync and async. The only module that sleeps.

The two shells, `_exchange` and `_aexchange`, differ in their I/O alone. What an answer is, and
what is wrong with it, is judged by pure readers (`chunk_stream`, `whole_body`); whether to try
again by `retry`.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing, closing
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from typing_extensions import Self

from grayswan_core import transport
from grayswan_core.http.attempt import Attempt, Call
from grayswan_core.decoding.chunk_stream import ChunkStream
from grayswan_core.http.deadline import Deadline
from grayswan_core.decoding.error_body import error_from_response, error_from_wrong_type
from grayswan_core.errors import APIError
from grayswan_core.http.http_clients import HttpClients
from grayswan_core.http.network import keeps_deadlines
from grayswan_core.untrusted.spans import unmarked
from grayswan_core.decoding.stop import normalize_stop, truncate
from grayswan_core.decoding.json_body import WholeBody
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

    from grayswan_core.config import ClientConfig
    from grayswan_core.http.http_clients import AsyncClientMaker

__all__ = ["CygnetClient"]

_T = TypeVar("_T")

_log = logging.getLogger(__name__)

_JSON = "application/json"
_EVENT_STREAM = "text/event-stream"


class CygnetClient:
    """Speaks to the Cygnet API.

    It may be used from any number of threads and event loops at once, and in forked processes.
    It is a context manager, sync and async; a call after `close` opens new connections.

    Args:
        config: Key, address and manners.
        http_client: An `httpx.Client` to use for sync calls instead of the client's own, for
            proxies, certificates and the like. It is not closed here.
        http_async_client: The same for async calls, or a function that makes one. The function
            is called for each event loop, and what it made is closed here.
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        http_client: httpx.Client | None = None,
        http_async_client: httpx.AsyncClient | AsyncClientMaker | None = None,
    ) -> None:
        self._config = config
        self._http = HttpClients(http_client, http_async_client, config.limits)

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
        """Close the connections; those in use, when the calls that use them end."""
        self._http.close()

    async def aclose(self) -> None:
        """`close`; the running event loop's unused connections are closed before this returns."""
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

    def _chat_call(self, request: ChatRequest) -> Call[ChatResponse]:
        path = self._config.chat_path
        return Call(path, request.to_body(), _JSON, False, lambda: WholeBody(ChatResponse))

    def _stream_call(self, request: ChatRequest, stop: Sequence[str]) -> Call[Chunk]:
        sequences = normalize_stop(stop)
        return Call(
            self._config.chat_path,
            request.to_body(stream=True),
            _EVENT_STREAM,
            True,
            lambda: ChunkStream(
                stop=sequences,
                expected_choices=request.n or 1,
                max_event_size=self._config.limits.max_event_size,
            ),
        )

    def _exchange(self, call: Call[_T]) -> Generator[_T, None, None]:
        deadline = Deadline(self._config.timeout)
        body = piece = b""
        for number in itertools.count(1):
            attempt = Attempt(call, deadline, self._config.limits.max_response_size)
            try:
                with transport.Translated(deadline), self._http.sync_client() as client:
                    request = self._request(client, call, deadline)
                    with closing(transport.send(client, request)) as response:
                        if not _begins(attempt, response, call):
                            size = self._config.limits.max_error_size
                            body = transport.read_head(response, size, deadline)
                            raise _refusal(response, call, body)
                        for piece in transport.pieces(response, deadline):
                            yield from attempt.feed(piece)
                            if attempt.over:
                                break
                yield from attempt.close()
            except APIError as error:
                body = piece = b""  # the service may have echoed a secret
                delay = self._delay(number, error, attempt, deadline)
                if delay is None:
                    return
            else:
                return
            time.sleep(delay)

    async def _aexchange(self, call: Call[_T]) -> AsyncGenerator[_T, None]:
        deadline = Deadline(self._config.timeout)
        body = piece = b""
        for number in itertools.count(1):
            attempt = Attempt(call, deadline, self._config.limits.max_response_size)
            try:
                # No context manager here may be an async generator: when a loop ends, it closes
                # all of them at once, and one cannot be closed while another closes it.
                with transport.Translated(deadline):
                    async with self._http.async_client() as client:
                        request = self._request(client, call, deadline)
                        async with aclosing(await transport.asend(client, request)) as response:
                            if not _begins(attempt, response, call):
                                size = self._config.limits.max_error_size
                                body = await transport.aread_head(response, size, deadline)
                                raise _refusal(response, call, body)
                            async for piece in transport.apieces(response, deadline):
                                for item in attempt.feed(piece):
                                    yield item
                                if attempt.over:
                                    break
                for item in attempt.close():
                    yield item
            except APIError as error:
                body = piece = b""  # the service may have echoed a secret
                delay = self._delay(number, error, attempt, deadline)
                if delay is None:
                    return
            else:
                return
            await asyncio.sleep(delay)

    def _request(
        self, client: httpx.Client | httpx.AsyncClient, call: Call[Any], deadline: Deadline
    ) -> httpx.Request:
        """What one try sends."""
        config = self._config
        headers = {
            **{name: value.get_secret_value() for name, value in config.headers.items()},
            "authorization": f"Bearer {config.api_key.get_secret_value()}",
            "content-type": _JSON,
            "accept": call.accept,
            # A small compressed body can unpack to gigabytes, and tokens compress badly.
            "accept-encoding": "identity",
        }
        waits = deadline.waits()
        return transport.new_request(client, config.base_url + call.path, headers, call.body, waits)

    def _delay(
        self, number: int, error: APIError, attempt: Attempt[Any], deadline: Deadline
    ) -> float | None:
        """Seconds until the next try, or None when nothing is lost: the answer is whole.

        Raises:
            APIError: the error, now with what came, when it stands.
        """
        if attempt.came_too_late(error):
            return None
        again = attempt.judge(error)
        self._config.hide_secrets(error)
        delay = self._config.retry.delay(number, error) if again else None
        deadline.expect_nothing()
        if delay is None or delay >= deadline.remaining():
            raise error.with_traceback(None)  # what is below holds what the service said
        # No word of the service's: it may quote the prompt.
        _log.info("Try %d ended in %s; next in %.1f s.", number, type(error).__name__, delay)
        return delay


def _moderation_call(request: ModerationRequest) -> Call[ModerationResponse]:
    body = request.model_copy(update={"input": unmarked(request.input)}).to_body()
    return Call(MODERATION_PATH, body, _JSON, False, lambda: WholeBody(ModerationResponse))


def _begins(attempt: Attempt[Any], response: httpx.Response, call: Call[Any]) -> bool:
    """Whether the response is of the kind asked for; the attempt notes its beginning."""
    lingers = keeps_deadlines(response)
    attempt.begin(response.status_code, response.headers, may_linger=lingers)
    kind = response.headers.get("content-type", call.accept)
    return response.is_success and kind.partition(";")[0].strip().lower() == call.accept


def _refusal(response: httpx.Response, call: Call[Any], body: bytes) -> APIError:
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
