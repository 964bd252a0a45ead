"""An httpx client that sends over aiohttp, for many async calls at once. Import it late.

httpx's own pool costs more CPU per async call than all else together (`docs/performance.md`).
The package httpx-aiohttp puts aiohttp's pool and parser, which are C, under httpx's interface;
here its errors are made those of httpx, and its waits end with the call.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from typing import TypeVar, cast
from urllib.request import getproxies

import httpx

from grayswan_core.errors import ConfigurationError
from grayswan_core.http.certificates import ssl_context
from grayswan_core.http.deadline import Wait
from grayswan_core.http.plain_client import PlainAsyncClient
from grayswan_core.limits import DEFAULT_LIMITS, Limits

try:
    import aiohttp
    from httpx_aiohttp import AiohttpTransport
except ModuleNotFoundError as missing:
    raise ConfigurationError(
        f'This needs {missing.name}: pip install "grayswan-integrations[aiohttp]"'
    ) from missing

__all__ = ["aiohttp_client"]


def aiohttp_client(limits: Limits = DEFAULT_LIMITS) -> httpx.AsyncClient:
    """An async client over aiohttp; it belongs to the event loop that uses it first.

    Give the function itself to a model, which then makes one for each event loop and closes it:
    `ChatGraySwan(http_async_client=aiohttp_client)`.

    Args:
        limits: How many connections there may be, and how long one may be idle.
    """
    return PlainAsyncClient(transport=_Transport(limits))


_Result = TypeVar("_Result")


class _Transport(AiohttpTransport):
    def __init__(self, limits: Limits) -> None:
        super().__init__(verify=ssl_context(), client=lambda: _session(limits))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        waits = request.extensions.get("timeout", {})
        read = waits.get("read")
        with _httpx_errors():
            # aiohttp's own limit is for one wait, and a head can come byte by byte.
            response = await _in_time(
                super().handle_async_request(request),
                read.left() if isinstance(read, Wait) else None,
            )
        response.stream = _Body(cast("httpx.AsyncByteStream", response.stream), waits)
        return response


class _Body(httpx.AsyncByteStream):
    """A body that ends the waits for its pieces when the call's time is up."""

    def __init__(self, body: httpx.AsyncByteStream, waits: dict[str, float | None]) -> None:
        self._body = body
        self._waits = waits

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _httpx_errors():
            pieces = aiter(self._body)
            while True:
                try:
                    piece = await _in_time(anext(pieces), self._left())
                except StopAsyncIteration:
                    return
                yield piece

    def _left(self) -> float | None:
        """How long the next piece may take. aiohttp's own timer is gone after some faults."""
        wait = self._waits.get("read")
        return wait.now() if isinstance(wait, Wait) else wait

    async def aclose(self) -> None:
        with _httpx_errors():
            await self._body.aclose()


def _session(limits: Limits) -> aiohttp.ClientSession:
    # Cookies would tie separate requests together. And aiohttp looks for proxies at each request,
    # in a thread, which costs more than the request.
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=limits.max_connections,
            keepalive_timeout=limits.idle_seconds,
            ssl=ssl_context(),
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=bool(getproxies()),
    )


async def _in_time(result: Awaitable[_Result], seconds: float | None) -> _Result:
    try:
        return await _limited(result, seconds)
    except asyncio.TimeoutError:
        raise httpx.ReadTimeout("The answer took too long.") from None


if sys.version_info >= (3, 11):

    async def _limited(result: Awaitable[_Result], seconds: float | None) -> _Result:
        async with asyncio.timeout(seconds):
            return await result

else:  # ten times as dear: it makes a task

    async def _limited(result: Awaitable[_Result], seconds: float | None) -> _Result:
        return await asyncio.wait_for(result, seconds)


@contextmanager
def _httpx_errors() -> Iterator[None]:
    """Let aiohttp's errors out as httpx's; httpx-aiohttp takes some for the wrong ones."""
    try:
        yield
    except httpx.TransportError as error:
        if isinstance(error.__cause__, aiohttp.ClientError):
            raise _as_httpx(error.__cause__) from error.__cause__
        raise
    except aiohttp.ClientError as error:
        raise _as_httpx(error) from error


def _as_httpx(error: aiohttp.ClientError) -> httpx.TransportError:
    for theirs, ours in _KINDS:
        if isinstance(error, theirs):
            return ours(str(error))
    return httpx.RemoteProtocolError(str(error))


_KINDS: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),
    (aiohttp.ServerTimeoutError, httpx.ReadTimeout),
    (aiohttp.ClientConnectorError, httpx.ConnectError),
    (aiohttp.ClientConnectionError, httpx.ReadError),
    (aiohttp.ClientPayloadError, httpx.ReadError),
)
