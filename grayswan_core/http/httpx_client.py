"""What the sync and the async transport over httpx have in common. Import it late.

It takes clients of httpx and of httpx2, whose interfaces are the same as far as they are used here.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any

import httpx

from grayswan_core._package import user_agent
from grayswan_core.errors import APIConnectionError, ConfigurationError
from grayswan_core.http.certificates import ssl_context
from grayswan_core.http.deadline import Deadline
from grayswan_core.http.protocol import (
    ConnectError,
    ProtocolError,
    Request,
    TransportError,
    WaitTimeoutError,
)
from grayswan_core.http.proxies import Proxy
from grayswan_core.limits import Limits

__all__ = ["Head", "HttpxClient", "client_options", "library_of", "translating"]

_WAITS = ("connect", "read", "write", "pool")
_LIBRARIES = ("httpx", "httpx2")


def library_of(client: object, kind: str) -> ModuleType:
    """The library that a client is of.

    Raises:
        ConfigurationError: it is no client, or one of something else.
    """
    for name in _LIBRARIES:
        library = sys.modules.get(name)
        if library is not None and isinstance(client, getattr(library, kind)):
            return library
    cls = type(client)
    setting = "http_client" if kind == "Client" else "http_async_client"
    raise ConfigurationError(
        f"{setting} takes an httpx.{kind} or httpx2.{kind}"
        f"{'' if kind == 'Client' else ', or a function that makes one'}, and got"
        f" {cls.__module__}.{cls.__qualname__}."
    )


class HttpxClient:
    """A client, and the requests that are made with it.

    Args:
        client: The client.
        kind: Which it has to be, `Client` or `AsyncClient`.
        is_own: Whether it was made here; another adds its own headers, credentials and cookies.

    Raises:
        ConfigurationError: it is no client, or one of another kind.
    """

    def __init__(self, client: Any, kind: str, *, is_own: bool) -> None:
        self.client = client
        self.library = library_of(client, kind)
        self.is_own = is_own
        self._process = os.getpid() if is_own else None
        # What responses set is never sent: it would tie separate requests together.
        self._cookies = None if is_own else self.library.Cookies(client.cookies)

    def request(self, request: Request, deadline: Deadline, **extensions: object) -> Any:
        """The library's request. The key stands in it, so no frame that can fail may hold it.

        Args:
            request: What is sent.
            deadline: How long each step may take.
            **extensions: What httpcore is told beside that.
        """
        waits = {wait: deadline.seconds(wait) for wait in _WAITS}
        headers = request.headers()
        if self.is_own:
            headers = {"user-agent": user_agent(), **headers}
        made = self.client.build_request(
            "POST",
            request.url,
            headers=headers,
            content=request.body,
            extensions={"timeout": waits, **extensions},
        )
        made.headers.pop("cookie", None)
        if self._cookies is not None:
            self._cookies.set_cookie_header(made)
        return made

    def check(self) -> None:
        """Let pass a client that can be used.

        Raises:
            ConfigurationError: it is a caller's that was closed, or used before a fork.
        """
        if self.is_own:
            return
        if self._process is None:
            self._process = os.getpid()
        if self._process != os.getpid():
            raise ConfigurationError(
                "The httpx client that was passed in has been used before this process was"
                " forked. Its connections are the parent's too, and responses would be mixed up."
                " Make the model, with an httpx client of its own, in each process."
            )
        if self.client.is_closed:
            raise ConfigurationError(
                "The httpx client that was passed in has been closed. Pass an open one, and close"
                " it after the last call."
            )

    @property
    def is_of_this_process(self) -> bool:
        """Whether this process made it."""
        return self._process == os.getpid()


class Head:
    """The head of a response."""

    def __init__(self, response: Any) -> None:
        self.status: int = response.status_code
        headers = response.headers
        self.headers: Mapping[str, str] = headers
        if response.is_stream_consumed and "content-encoding" in headers:
            # A hook of the caller's client has read it, which unpacks it.
            self.headers = {**headers}
            del self.headers["content-encoding"]


def client_options(url: str, limits: Limits, proxy: Proxy | None) -> dict[str, Any]:
    """How a client is made that keeps nothing between requests and adds nothing to them."""
    number = max(1, int(limits.max_connections))
    needs_tls = url.startswith("https:") or (proxy is not None and proxy.url.startswith("https:"))
    return {
        "verify": ssl_context() if needs_tls else False,
        "proxy": None if proxy is None else proxy.url,
        "trust_env": False,
        "follow_redirects": False,
        "limits": httpx.Limits(
            max_connections=number,
            max_keepalive_connections=number,
            keepalive_expiry=limits.idle_seconds,
        ),
    }


@contextmanager
def translating(client: HttpxClient, proxy: Proxy | None = None) -> Iterator[None]:
    """Let the library's errors out of a block as a transport's, or as ours."""
    try:
        yield
    except Exception as error:
        translated = _translated(error, client, proxy)
        if translated is None:
            raise
        raise translated from error


def _translated(error: Exception, client: HttpxClient, proxy: Proxy | None) -> Exception | None:
    if isinstance(error, asyncio.TimeoutError):  # a deadline's, of the async transport
        return WaitTimeoutError("read")
    if isinstance(error, RuntimeError) and not isinstance(error, client.library.StreamError):
        return _closed(error, client)
    if isinstance(error, client.library.HTTPError):
        error.request = None  # it holds the key
    for kind, translate in (
        ("TimeoutException", _timed_out),
        ("ProxyError", partial(_proxy_refused, proxy)),
        ("ConnectError", lambda error: ConnectError(_system_error(error))),
        ("HTTPError", _broken),
        ("StreamError", _broken),
        ("InvalidURL", lambda error: ConfigurationError(f"The base URL cannot be used: {error}")),
    ):
        if isinstance(error, getattr(client.library, kind)):
            return translate(error)
    return None


def _closed(error: RuntimeError, client: HttpxClient) -> Exception | None:
    if client.client.is_closed:
        return APIConnectionError("The client was closed before the request was sent.")
    if "loop" in str(error):
        return APIConnectionError(
            "The httpx client that was passed in has connections that belong to another event"
            f" loop ({error}). Use one for each loop, or leave it to the model."
        )
    return None


def _timed_out(error: Exception) -> Exception:
    wait = type(error).__name__.removesuffix("Timeout").lower()
    return WaitTimeoutError(wait if wait in _WAITS else "read")


def _broken(error: Exception) -> Exception:
    return ProtocolError(str(error) or type(error).__name__)


def _system_error(error: BaseException) -> BaseException:
    """The innermost error of the system behind an error, or the error."""
    found = behind = error
    while (inner := behind.__cause__ or behind.__context__) is not None:
        behind = inner
        if isinstance(behind, OSError):
            found = behind
    return found


def _proxy_refused(proxy: Proxy | None, error: Exception) -> Exception:
    words = str(error)
    status = words[:3]
    if not status.isdecimal():
        return TransportError(f"the proxy refused: {words}")
    named = f"The proxy in {proxy.variable}" if proxy is not None else "The proxy"
    advice = {"407": " Check the user name and password in its address."}.get(status, "")
    return APIConnectionError(
        f"{named} refused the connection: {words}.{advice}",
        status_code=int(status),
        should_retry=status[0] == "5",
    )
