"""The client of the monitor."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from grayswan_core._closing import Closing
from grayswan_core.cygnal.verdict import Verdict
from grayswan_core.decoding.error_body import error_from_refusal
from grayswan_core.decoding.json_body import JSONBody
from grayswan_core.errors import InvalidRequestError
from grayswan_core.http.attempt import Call
from grayswan_core.http.exchange import Exchange, aonly, only
from grayswan_core.http.protocol import new_request
from grayswan_core.http.transports import Transports
from grayswan_core.wire import MONITOR_PATH, MonitorRequest, MonitorResponse

if TYPE_CHECKING:
    from grayswan_core.config import ClientConfig

__all__ = ["CygnalClient"]

_JSON = "application/json"


class CygnalClient(Closing):
    """Lets the monitor judge conversations.

    It may be used from any number of threads and event loops at once, and in forked processes. A
    call after `close` opens new connections.

    Args:
        config: Key, address, timeouts, limits and retries.
    """

    def __init__(self, config: ClientConfig) -> None:
        self._config = config
        self._transports = Transports(config.base_url, config.limits)
        self._exchange = Exchange(
            transports=self._transports,
            timeout=config.timeout,
            limits=config.limits,
            retry=config.retry,
            hide_secrets=config.hide_secrets,
        )

    def monitor(self, request: MonitorRequest) -> Verdict:
        """Let a conversation be judged.

        Raises:
            InvalidRequestError: the request cannot be put on the wire.
            APIError: there is no verdict. That is also so where the monitor reports an error with
                status 200, or its answer lacks `violation`: neither is a verdict of 0.
        """
        return Verdict.of(only(self._exchange.run(self._call(request))))

    async def amonitor(self, request: MonitorRequest) -> Verdict:
        """`monitor`, async."""
        return Verdict.of(await aonly(self._exchange.arun(self._call(request))))

    def close(self) -> None:
        """Close the connections; those in use, when the calls that use them end."""
        self._transports.close()

    async def aclose(self) -> None:
        """`close`; the running event loop's unused connections are closed before this returns."""
        await self._transports.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._config.base_url!r})"

    def _call(self, request: MonitorRequest) -> Call[MonitorResponse]:
        try:
            body = request.to_body()
        except ValueError as error:
            raise InvalidRequestError(str(error)) from None
        url = self._config.base_url + MONITOR_PATH
        return Call(
            request=new_request(url, self._headers, body, accept=_JSON),
            accept=_JSON,
            streams=False,
            new_reader=lambda: JSONBody(MonitorResponse),
            refusal=partial(error_from_refusal, _JSON, url),
        )

    def _headers(self) -> dict[str, str]:
        config = self._config
        key = config.api_key.get_secret_value()
        return {
            **{name: value.get_secret_value() for name, value in config.headers.items()},
            # Sources disagree on which of the two the monitor reads.
            "grayswan-api-key": key,
            "authorization": f"Bearer {key}",
            "content-type": _JSON,
        }
