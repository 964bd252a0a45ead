"""What went wrong below a call, as one of our errors, for every transport.

What the caller has to change is a `ConfigurationError`; what the network did, an
`APIConnectionError`; anything else, an `APIError` that asks to be reported.
"""

from __future__ import annotations

import os
import socket
import ssl
from types import TracebackType

from grayswan_core.errors import APIConnectionError, APIError, APITimeoutError, GraySwanError
from grayswan_core.http.address import parse_url
from grayswan_core.http.deadline import Deadline
from grayswan_core.http.hosts import is_loopback
from grayswan_core.http.protocol import ConnectError, TransportError, WaitTimeoutError

__all__ = ["Translated"]


class Translated:
    """Lets the errors of a block out as ours, each caused by the original.

    The original loses its traceback: the frames there may hold the request, key and all, and
    tools that print or send the locals of a traceback would show it.

    Args:
        url: Where the request goes.
        deadline: Knows which timeout it was that ran out.
    """

    def __init__(self, url: str, deadline: Deadline) -> None:
        self._url = url
        self._deadline = deadline

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, GraySwanError):
            _strip(error)
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> APIError:
        address = str(parse_url(self._url).address)
        if isinstance(error, WaitTimeoutError):
            late = self._deadline.timed_out(error.wait)
            return APITimeoutError(f"{late.message.removesuffix('.')}: {address}.")
        cause = error.reason if isinstance(error, ConnectError) else error
        if isinstance(cause, ssl.SSLCertVerificationError):
            return APIConnectionError(
                f"The certificate of {address} cannot be verified: {cause.verify_message}."
                " Where a proxy or a company replaces certificates, name its own in the variable"
                " SSL_CERT_FILE.",
                should_retry=False,
            )
        if isinstance(error, ConnectError):
            where = _LOCAL if self._nobody_listens_here(cause) else ""
            return APIConnectionError(f"{address} cannot be reached: {_reason(cause)}.{where}")
        if isinstance(error, TransportError | OSError):
            return APIConnectionError(
                f"The connection to {address} broke before the response ended: {_reason(error)}."
            )
        return APIError(
            f"The call to {address} failed in a way that is not known here, please report it:"
            f" {type(error).__name__}: {error}"
        )

    def _nobody_listens_here(self, cause: BaseException) -> bool:
        host = parse_url(self._url).address.host
        return isinstance(cause, ConnectionRefusedError) and is_loopback(host)


_LOCAL = " Is a server running there? grayswan-devserver starts the local one."


def _reason(error: BaseException) -> str:
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError | socket.gaierror):
        # asyncio puts words of its own in place of the system's.
        words = os.strerror(error.errno) if error.errno else words
    return str(words).rstrip(".")


def _strip(error: BaseException) -> None:
    """Take the frames off an error and all those behind it, in groups too."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        each = left.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            each.__traceback__ = None
            left += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]
