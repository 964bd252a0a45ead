"""What a transport does: it sends one POST and reads the response, under a deadline.

All that the rest of the core knows of the network. A transport raises `TransportError`s, and
whatever its sockets raise; `failures` makes these errors of ours, for every transport alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from grayswan_core.http.deadline import Deadline

__all__ = [
    "AsyncResponse",
    "AsyncTransport",
    "ConnectError",
    "ProtocolError",
    "Request",
    "Response",
    "Transport",
    "TransportError",
    "TransportName",
    "WaitTimeoutError",
    "new_request",
]

TransportName: TypeAlias = Literal["auto", "direct", "httpx"]


@dataclass(frozen=True)
class Request:
    """A POST.

    Attributes:
        url: Where it goes.
        headers: Makes the headers. The key is among them, so nothing keeps them: no variable of
            a frame that can wait or fail may hold them.
        body: What is sent.
    """

    url: str
    headers: Callable[[], dict[str, str]] = field(repr=False)
    body: bytes = field(repr=False)


def new_request(
    url: str, headers: Callable[[], dict[str, str]], body: bytes, *, accept: str
) -> Request:
    """A POST of a body, for a response of a content type."""

    def all_headers() -> dict[str, str]:
        # A small compressed body can unpack to gigabytes, and tokens compress badly.
        return {**headers(), "accept": accept, "accept-encoding": "identity"}

    return Request(url, all_headers, body)


class Response(Protocol):
    """A response whose head has arrived."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case."""

    @property
    def may_linger(self) -> bool:
        """Whether the end of the body can be waited for as briefly as the deadline says."""

    def read(self) -> bytes:
        """The next piece of the body as it arrives; nothing at its end."""

    def close(self) -> None:
        """Give the connection back if the response is complete, else close it."""


class AsyncResponse(Protocol):
    """`Response`, async."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def may_linger(self) -> bool: ...
    async def aread(self) -> bytes: ...
    async def aclose(self) -> None:
        """As `Response.close`. It never waits, so that no cancellation can interrupt it."""


class Transport(Protocol):
    """Opens requests, from any number of threads."""

    def open(self, request: Request, deadline: Deadline) -> Response:
        """Send a request and wait for the head of its response."""

    def close(self) -> None:
        """Close the connections that nobody uses; those in use, when their calls end."""


class AsyncTransport(Protocol):
    """`Transport`, async, from any number of event loops."""

    async def aopen(self, request: Request, deadline: Deadline) -> AsyncResponse: ...
    async def aclose(self) -> None:
        """`close`; the running loop's unused connections are closed before this returns."""

    def close(self) -> None:
        """`aclose`, from outside the loops."""


class TransportError(Exception):
    """A request could not be sent, or its response not be read."""


class ConnectError(TransportError):
    """No connection could be made.

    Attributes:
        reason: Why.
    """

    def __init__(self, reason: BaseException) -> None:
        super().__init__(str(reason))
        self.reason = reason


class WaitTimeoutError(TransportError):
    """A wait took too long.

    Attributes:
        wait: Which one: the name of a field of `Timeout`.
    """

    def __init__(self, wait: str) -> None:
        super().__init__(wait)
        self.wait = wait


class ProtocolError(TransportError):
    """What has arrived is no HTTP/1.1 response, or not all of one."""
