"""Which transport a client's calls go over."""

from __future__ import annotations

import asyncio
from typing import Any

from grayswan_core.errors import ConfigurationError
from grayswan_core.http.deadline import Deadline
from grayswan_core.http.direct.transport import AsyncDirectTransport, DirectTransport
from grayswan_core.http.protocol import (
    AsyncResponse,
    AsyncTransport,
    Request,
    Response,
    Transport,
    TransportName,
)
from grayswan_core.http.proxies import proxy_for, proxy_settings
from grayswan_core.limits import DEFAULT_LIMITS, Limits

__all__ = ["Transports"]


class Transports:
    """A sync and an async transport.

    Args:
        base_url: Where requests go.
        limits: How many connections there may be, and how long one may be idle.
        name: `direct`, `httpx`, or `auto`: direct, unless a proxy is named for the address.
        http_client: A client of httpx or httpx2 for sync calls. It is not closed here.
        http_async_client: The same for async calls, or a function that makes one. It is called
            for each event loop, and what it makes is closed here.

    Raises:
        ConfigurationError: a client is none of httpx or httpx2, or a proxy cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        limits: Limits = DEFAULT_LIMITS,
        name: TransportName = "auto",
        http_client: Any = None,
        http_async_client: Any = None,
    ) -> None:
        if name not in ("auto", "direct", "httpx"):
            raise ConfigurationError(f"transport is 'auto', 'direct' or 'httpx', not {name!r}.")
        proxy = None if name == "direct" else proxy_for(base_url, proxy_settings())
        direct = name == "direct" or (name == "auto" and proxy is None)
        self._sync: Transport
        self._async: AsyncTransport
        if direct and http_client is None:
            self._sync = DirectTransport(limits)
        else:
            from grayswan_core.http import httpx_sync  # noqa: PLC0415 - httpx costs 100 ms

            self._sync = httpx_sync.HttpxTransport(http_client, limits, proxy)
        if direct and http_async_client is None:
            self._async = AsyncDirectTransport(limits)
        else:
            from grayswan_core.http import httpx_async  # noqa: PLC0415

            self._async = httpx_async.AsyncHttpxTransport(http_async_client, limits, proxy)

    def open(self, request: Request, deadline: Deadline) -> Response:
        """Send a request, and wait for the head of its response."""
        return self._sync.open(request, deadline)

    async def aopen(self, request: Request, deadline: Deadline) -> AsyncResponse:
        """`open`, async.

        Raises:
            ConfigurationError: no event loop of asyncio is running.
        """
        _check_loop()
        return await self._async.aopen(request, deadline)

    def close(self) -> None:
        """Close the connections that no other model uses; those in use, when their calls end."""
        self._sync.close()
        self._async.close()

    async def aclose(self) -> None:
        """`close`; the running event loop's unused connections are closed before this returns."""
        self._sync.close()
        await self._async.aclose()


def _check_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise ConfigurationError(
            "Async calls need a running event loop of asyncio (or uvloop), and there is none; trio"
            " is not supported. Run them by asyncio.run, or call the sync methods in a thread."
        ) from None
