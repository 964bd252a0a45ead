"""One call over HTTP: send, read, and try again while that can help. The only module that sleeps.

`Exchange.run` and `Exchange.arun` differ in their I/O alone. What a response is, and what is
wrong with it, is judged by the reader that a call brings; whether to try again by `retry`.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from grayswan_core.errors import APIError
from grayswan_core.http import gate, transport
from grayswan_core.http.attempt import Attempt, Call
from grayswan_core.http.deadline import Deadline
from grayswan_core.http.http_clients import HttpClients
from grayswan_core.http.network import keeps_deadlines
from grayswan_core.http.retry import RetryPolicy
from grayswan_core.limits import Limits, Timeout

if TYPE_CHECKING:
    import httpx

__all__ = ["Exchange", "aonly", "only"]

_T = TypeVar("_T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Exchange:
    """How the calls of one client are made.

    Attributes:
        http: The connections.
        timeout: The longest waits, in seconds.
        limits: The largest bodies, in bytes.
        retry: Whether to try again, and when.
        hide_secrets: Takes secrets that a response has echoed out of an error.
    """

    http: HttpClients
    timeout: Timeout
    limits: Limits
    retry: RetryPolicy
    hide_secrets: Callable[[APIError], None]

    def run(self, call: Call[_T]) -> Generator[_T, None, None]:
        """The items of the response, as they come.

        Raises:
            APIError: the call failed, and retrying did not help.
        """
        deadline = Deadline(self.timeout)
        body = piece = b""
        for number in itertools.count(1):
            admission = gate.admit(len(call.body), deadline)
            attempt = Attempt(call, deadline, self.limits.max_response_size)
            try:
                with admission:
                    with (
                        attempt,
                        transport.Translated(deadline),
                        self.http.sync_client() as client,
                        closing(
                            transport.send(client, _request(client, call, deadline))
                        ) as response,
                    ):
                        if not _begins(attempt, response, call):
                            size = self.limits.max_error_size
                            body = transport.read_head(response, size, deadline)
                            raise call.refusal(response.status_code, response.headers, body)
                        for piece in transport.pieces(response, deadline):
                            yield from attempt.feed(piece)
                            if attempt.over:
                                break
                    yield from attempt.close()
            except APIError as error:
                body = piece = b""  # the API may have echoed a secret
                delay = self._delay(number, error, attempt, deadline)
            else:
                return
            time.sleep(delay)

    async def arun(self, call: Call[_T]) -> AsyncGenerator[_T, None]:
        """`run`, async."""
        deadline = Deadline(self.timeout)
        body = piece = b""
        for number in itertools.count(1):
            admission = await gate.aadmit(len(call.body), deadline)
            attempt = Attempt(call, deadline, self.limits.max_response_size)
            try:
                # No context manager here may be an async generator: when a loop ends, it closes
                # all of them at once, and one cannot be closed while another closes it.
                with admission:
                    with attempt, transport.Translated(deadline):
                        async with (
                            self.http.async_client() as client,
                            aclosing(
                                await transport.asend(client, _request(client, call, deadline))
                            ) as response,
                        ):
                            if not _begins(attempt, response, call):
                                size = self.limits.max_error_size
                                body = await transport.aread_head(response, size, deadline)
                                raise call.refusal(response.status_code, response.headers, body)
                            async for piece in transport.apieces(response, deadline):
                                for item in attempt.feed(piece):
                                    yield item
                                if attempt.over:
                                    break
                    for item in attempt.close():
                        yield item
            except APIError as error:
                body = piece = b""  # the API may have echoed a secret
                delay = self._delay(number, error, attempt, deadline)
            else:
                return
            await asyncio.sleep(delay)

    def _delay(
        self, number: int, error: APIError, attempt: Attempt[Any], deadline: Deadline
    ) -> float:
        """Seconds until the next try.

        Raises:
            APIError: the error, now with what had arrived, when it is final.
        """
        again = attempt.judge(error)
        self.hide_secrets(error)
        delay = self.retry.delay(number, error) if again else None
        deadline.expect_nothing()
        if delay is None or delay >= deadline.remaining():
            raise error.with_traceback(None)  # its frames hold what the API sent
        # Nothing that the API said: it may quote the prompt.
        _log.info("Try %d ended in %s; next in %.1f s.", number, type(error).__name__, delay)
        return delay


def _request(
    client: httpx.Client | httpx.AsyncClient, call: Call[Any], deadline: Deadline
) -> httpx.Request:
    """What one try sends."""
    headers = {
        **call.headers(),
        "accept": call.accept,
        # A small compressed body can unpack to gigabytes, and tokens compress badly.
        "accept-encoding": "identity",
    }
    return transport.new_request(client, call.url, headers, call.body, deadline.waits())


def _begins(attempt: Attempt[Any], response: httpx.Response, call: Call[Any]) -> bool:
    """Whether the response is of the kind asked for; the attempt notes its beginning."""
    lingers = keeps_deadlines(response)
    attempt.begin(response.status_code, response.headers, may_linger=lingers)
    kind = response.headers.get("content-type", call.accept)
    return response.is_success and kind.partition(";")[0].strip().lower() == call.accept


def only(items: Generator[_T, None, None]) -> _T:
    with closing(items):
        (item,) = [item for item in items]  # noqa: C416 - as its async twin
    return item


async def aonly(items: AsyncGenerator[_T, None]) -> _T:
    async with aclosing(items):
        (item,) = [item async for item in items]
    return item
