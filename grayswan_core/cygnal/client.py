"""The client of the monitor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grayswan_core.base_client import BaseClient
from grayswan_core.cygnal.verdict import Verdict
from grayswan_core.decoding.json_body import JSONBody
from grayswan_core.http.attempt import Call
from grayswan_core.http.exchange import aonly, only
from grayswan_core.http.transports import Transports
from grayswan_core.wire import MONITOR_PATH, MonitorRequest, MonitorResponse

if TYPE_CHECKING:
    from grayswan_core.config import ClientConfig

__all__ = ["CygnalClient"]


class CygnalClient(BaseClient):
    """Lets the monitor judge conversations.

    It may be used from any number of threads and event loops at once, and in forked processes. A
    call after `close` opens new connections.

    Args:
        config: Key, address, timeouts, limits and retries.
    """

    def __init__(self, config: ClientConfig) -> None:
        super().__init__(config, Transports(config.base_url, config.limits))

    def monitor(self, request: MonitorRequest) -> Verdict:
        """Let a conversation be judged.

        Raises:
            InvalidRequestError: the request cannot be put on the wire.
            APIError: there is no verdict. That is also so where the monitor reports an error with
                status 200, or its answer lacks `violation`: neither is a verdict of 0.
        """
        return Verdict.of(only(self._exchange.run(self._monitor_call(request))))

    async def amonitor(self, request: MonitorRequest) -> Verdict:
        """`monitor`, async."""
        return Verdict.of(await aonly(self._exchange.arun(self._monitor_call(request))))

    def _monitor_call(self, request: MonitorRequest) -> Call[MonitorResponse]:
        return self._call(MONITOR_PATH, request.to_body, lambda: JSONBody(MonitorResponse))

    def _headers(self) -> dict[str, str]:
        # Sources disagree on which of the two the monitor reads.
        key = self._config.api_key.get_secret_value()
        return {**super()._headers(), "grayswan-api-key": key}
