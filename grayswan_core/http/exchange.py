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
from typing import Any, TypeVar

from grayswan_core.errors import APIError
from grayswan_core.http import gate
from grayswan_core.http.attempt import Attempt, Call
from grayswan_core.http.deadline import Deadline
from grayswan_core.http.failures import Translated
from grayswan_core.http.retry import RetryPolicy
from grayswan_core.http.transports import Transports
from grayswan_core.limits import Limits, Timeout

__all__ = ["Exchange", "aonly", "only"]

_T = TypeVar("_T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Exchange:
    """How the calls of one client are made.

    Attributes:
        transports: What sends requests.
        timeout: The longest waits, in seconds.
        limits: The largest bodies, in bytes.
        retry: Whether to try again, and when.
        hide_secrets: Takes secrets that a response has echoed out of an error.
    """

    transports: Transports
    timeout: Timeout
    limits: Limits
    retry: RetryPolicy
    hide_secrets: Callable[[APIError], None]

    def run(self, call: Call[_T]) -> Generator[_T, None, None]:
        """The items of the response, as they come.

        Raises:
            APIError: the call failed, and retrying did not help.
        """
        request = call.request
        deadline = Deadline(self.timeout)
        piece = b""
        for number in itertools.count(1):
            admission = gate.admit(len(request.body), deadline)
            attempt = Attempt(call, deadline, self.limits)
            try:
                with admission:
                    with (
                        attempt,
                        Translated(request.url, deadline),
                        closing(self.transports.open(request, deadline)) as response,
                    ):
                        attempt.begin(
                            response.status, response.headers, may_linger=response.may_linger
                        )
                        while not attempt.over and (piece := response.read()):
                            yield from attempt.feed(piece)
                    yield from attempt.close()
            except APIError as error:
                piece = b""  # the API may have echoed a secret
                delay = self._delay(number, error, attempt, deadline)
            else:
                return
            time.sleep(delay)

    async def arun(self, call: Call[_T]) -> AsyncGenerator[_T, None]:
        """`run`, async."""
        request = call.request
        deadline = Deadline(self.timeout)
        piece = b""
        for number in itertools.count(1):
            admission = await gate.aadmit(len(request.body), deadline)
            attempt = Attempt(call, deadline, self.limits)
            try:
                with admission:
                    with attempt, Translated(request.url, deadline):
                        # Closing never waits: when a loop ends, it closes all async generators at
                        # once, and one that waited could not be closed by another meanwhile.
                        async with aclosing(
                            await self.transports.aopen(request, deadline)
                        ) as response:
                            attempt.begin(
                                response.status, response.headers, may_linger=response.may_linger
                            )
                            while not attempt.over and (piece := await response.aread()):
                                for item in attempt.feed(piece):
                                    yield item
                    for item in attempt.close():
                        yield item
            except APIError as error:
                piece = b""  # the API may have echoed a secret
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


def only(items: Generator[_T, None, None]) -> _T:
    with closing(items):
        (item,) = [item for item in items]  # noqa: C416 - as its async twin
    return item


async def aonly(items: AsyncGenerator[_T, None]) -> _T:
    async with aclosing(items):
        (item,) = [item async for item in items]
    return item
