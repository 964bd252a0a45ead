"""What the clients of the API have in common: connections, headers, and how a call is made."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from grayswan_core._closing import Closing
from grayswan_core.decoding.error_body import error_from_refusal
from grayswan_core.errors import InvalidRequestError
from grayswan_core.http.attempt import Call, Reader
from grayswan_core.http.exchange import Exchange
from grayswan_core.http.protocol import new_request
from grayswan_core.http.transports import Transports

if TYPE_CHECKING:
    from grayswan_core.config import ClientConfig

__all__ = ["BaseClient"]

_T = TypeVar("_T")

_JSON = "application/json"
_EVENT_STREAM = "text/event-stream"


class BaseClient(Closing):
    """A client of one of the API's services.

    Args:
        config: Key, address, timeouts, limits and retries.
        transports: What sends requests.
    """

    def __init__(self, config: ClientConfig, transports: Transports) -> None:
        self._config = config
        self._transports = transports
        self._exchange = Exchange(
            transports=transports,
            timeout=config.timeout,
            limits=config.limits,
            retry=config.retry,
            hide_secrets=config.hide_secrets,
        )

    def close(self) -> None:
        """Close the connections; those in use, when the calls that use them end."""
        self._transports.close()

    async def aclose(self) -> None:
        """`close`; the running event loop's unused connections are closed before this returns."""
        await self._transports.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._config.base_url!r})"

    def _call(
        self,
        path: str,
        written: Callable[[], bytes],
        new_reader: Callable[[], Reader[_T]],
        *,
        streams: bool = False,
    ) -> Call[_T]:
        """A call.

        Args:
            path: Where it goes, below the address.
            written: Gives its body, or a `ValueError`.
            new_reader: Makes what reads a response, for each try.
            streams: Whether the response is a stream of events.

        Raises:
            InvalidRequestError: the request cannot be put on the wire.
        """
        try:
            body = written()
        except ValueError as error:
            raise InvalidRequestError(str(error)) from None
        accept = _EVENT_STREAM if streams else _JSON
        url = self._config.base_url + path
        return Call(
            request=new_request(url, self._headers, body, accept=accept),
            accept=accept,
            streams=streams,
            new_reader=new_reader,
            refusal=partial(error_from_refusal, accept, url),
        )

    def _headers(self) -> dict[str, str]:
        config = self._config
        return {
            **{name: value.get_secret_value() for name, value in config.headers.items()},
            "authorization": f"Bearer {config.api_key.get_secret_value()}",
            "content-type": _JSON,
        }
