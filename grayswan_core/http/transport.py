"""One request and its response over httpx, with its errors as ours. Import it late."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from types import TracebackType

import httpx

from grayswan_core.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    ConfigurationError,
    ResponseError,
)
from grayswan_core.http.deadline import Deadline, Wait
from grayswan_core.http.decompress import Unpacker
from grayswan_core.http.network import answers_nothing

__all__ = [
    "Translated",
    "apieces",
    "aread_head",
    "asend",
    "new_request",
    "pieces",
    "read_head",
    "send",
]

_IDENTITY = "identity"

_parsed = lru_cache(httpx.URL)

_UNASKED = (
    "The service, or something on the way, had sent an answer before there was a request. It is"
    " another's, so it was thrown away and its connection closed."
)


def new_request(
    client: httpx.Client | httpx.AsyncClient,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    waits: Mapping[str, Wait | None],
) -> httpx.Request:
    """A POST. The key stands in it, so no frame that can fail later may hold its headers."""
    return client.build_request(
        "POST",
        _parsed(url),
        headers=headers,
        content=body,
        extensions={"timeout": dict(waits)},
    )


def send(client: httpx.Client, request: httpx.Request) -> httpx.Response:
    """Send a request and give its response, body unread. It is the caller's to close."""
    try:
        response = client.send(request, stream=True, follow_redirects=False)
    except RuntimeError as error:
        _notice_close(error, client)
        raise
    if answers_nothing(response):
        response.close()
        raise APIConnectionError(_UNASKED)
    return response


async def asend(client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
    """`send`, async."""
    try:
        response = await client.send(request, stream=True, follow_redirects=False)
    except RuntimeError as error:
        _notice_close(error, client)
        raise
    if answers_nothing(response):
        await response.aclose()
        raise APIConnectionError(_UNASKED)
    return response


def pieces(response: httpx.Response, deadline: Deadline) -> Iterator[bytes]:
    """The body as it arrives, unpacked if it is packed.

    Raises:
        ResponseError: it is packed in a way that cannot be unpacked.
    """
    _limit_reads(response, deadline)
    if response.is_stream_consumed:  # a hook of the caller's client has read it
        return iter((response.content,))
    coding = response.headers.get("content-encoding", _IDENTITY)
    whole = response.iter_raw()
    return whole if coding == _IDENTITY else _unpacked(whole, Unpacker(coding))


def apieces(response: httpx.Response, deadline: Deadline) -> AsyncIterator[bytes]:
    """`pieces`, async."""
    _limit_reads(response, deadline)
    if response.is_stream_consumed:
        return _aiter((response.content,))
    coding = response.headers.get("content-encoding", _IDENTITY)
    whole = response.aiter_raw()
    return whole if coding == _IDENTITY else _aunpacked(whole, Unpacker(coding))


def read_head(response: httpx.Response, size: int, deadline: Deadline) -> bytes:
    """The start of a refusal's body; what can be read of it in time, for the status says more."""
    body = b""
    deadline.expect_chunk()
    with suppress(httpx.HTTPError, httpx.StreamError, APIError):
        for piece in pieces(response, deadline):
            body += piece
            deadline.check()
            if len(body) >= size:
                break
    return body[:size]


async def aread_head(response: httpx.Response, size: int, deadline: Deadline) -> bytes:
    """`read_head`, async."""
    body = b""
    deadline.expect_chunk()
    with suppress(httpx.HTTPError, httpx.StreamError, APIError):
        async for piece in apieces(response, deadline):
            body += piece
            deadline.check()
            if len(body) >= size:
                break
    return body[:size]


def _limit_reads(response: httpx.Response, deadline: Deadline) -> None:
    """Let sockets that ask nobody wait for the rest of an answer as long as may be now.

    Before it began, the wait was that for its head.
    """
    timeouts = response.request.extensions.get("timeout")
    if isinstance(timeouts, dict):
        timeouts["read"] = deadline.read_wait()


def _unpacked(packed: Iterator[bytes], unpacker: Unpacker) -> Iterator[bytes]:
    for piece in packed:
        yield from unpacker.feed(piece)
    unpacker.close()


async def _aunpacked(packed: AsyncIterator[bytes], unpacker: Unpacker) -> AsyncIterator[bytes]:
    async for piece in packed:
        for unpacked in unpacker.feed(piece):
            yield unpacked
    unpacker.close()


async def _aiter(items: Iterable[bytes]) -> AsyncIterator[bytes]:
    for item in items:
        yield item


class Translated:
    """Lets httpx's errors come out of a block as ours, each caused by the original.

    The original loses its traceback: the frames there hold the request, key and all, and tools
    that print or send the locals of a traceback would show it.

    Args:
        deadline: Knows which timeout it was that ran out.
    """

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, httpx.HTTPError | httpx.StreamError):
            _strip(error)
            raise _ours(error, self._deadline) from error
        if isinstance(error, httpx.InvalidURL):
            _strip(error)
            raise ConfigurationError(f"The base URL cannot be used: {error}") from error


def _strip(error: BaseException | None) -> None:
    """Take what can hold a request off an error and those behind it."""
    while error is not None:
        if isinstance(error, httpx.HTTPError):
            error.request = None  # type: ignore[assignment]
        error.__traceback__ = None
        behind = error.__cause__ or error.__context__
        if isinstance(behind, Exception) and type(behind).__module__.startswith("aiohttp."):
            error.__cause__ = error.__context__ = behind = None  # some hold the request's headers
        error = behind


def _notice_close(error: RuntimeError, client: httpx.Client | httpx.AsyncClient) -> None:
    """Say so where httpx's RuntimeError means that the client or its loop has been closed.

    Raises:
        APIConnectionError: another thread closed the client between its being taken and its
            sending, or it is a caller's and its connections belong to another event loop.
    """
    if isinstance(error, httpx.StreamError):
        return
    if client.is_closed:
        raise APIConnectionError("The client was closed before the request was sent.") from error
    if "loop" in str(error):
        raise APIConnectionError(
            "The httpx client that was passed in has connections that belong to another event"
            f" loop ({error}). Use one for each loop, or leave it to the model."
        ) from error


def _ours(error: Exception, deadline: Deadline) -> APIConnectionError | ResponseError:
    said = str(error) or type(error).__name__
    if isinstance(error, httpx.TimeoutException):
        return deadline.late() or APITimeoutError(_TIMEOUTS.get(type(error).__name__, said))
    if isinstance(error, httpx.DecodingError):
        return ResponseError(f"The body of the answer cannot be decoded: {said}")
    if isinstance(error, httpx.ConnectError):
        return APIConnectionError(f"The service cannot be reached: {said}")
    return APIConnectionError(f"The connection broke before the answer ended: {said}")


_TIMEOUTS = {
    "ConnectTimeout": "The service could not be reached in time (timeout `connect`).",
    "ReadTimeout": "The service sent nothing for longer than the timeout `read` allows.",
    "WriteTimeout": "The service took the request too slowly (timeout `write`).",
    "PoolTimeout": "All connections stayed in use for longer than the timeout `pool` allows.",
}
