"""Latency, rate limits and failures, as a busy API has them. An ASGI layer beneath the recording.

Limits are token buckets that hold what one interval allows, so a burst of that size passes. A
refused request is answered at once, as a gateway would, with 429 and `Retry-After`.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grayswan_devserver.problems import error_body, json_response

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Load", "LoadMiddleware", "Quota"]

_USAGE = re.compile(rb'"total_tokens":\s*(\d+)')
_BYTES_PER_TOKEN = 4
_MINUTE = 60.0


@dataclass(frozen=True)
class Load:
    """How busy the server plays; the defaults are an idle one.

    Attributes:
        latency: Seconds that each admitted request waits before it is handled.
        requests_per_second: Requests admitted a second; further ones get 429.
        tokens_per_minute: Tokens admitted a minute, of prompts and answers; further ones get 429.
        fail_every: Every so many-th admitted request gets 500.

    Raises:
        ValueError: a figure is negative, or a limit is not positive.
    """

    latency: float = 0.0
    requests_per_second: float | None = None
    tokens_per_minute: float | None = None
    fail_every: int | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.latency) and self.latency >= 0):
            raise ValueError(f"latency is a number of seconds, not {self.latency!r}")
        for name in ("requests_per_second", "tokens_per_minute", "fail_every"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} is a number above 0, not {value!r}")


class Quota:
    """A token bucket that may be overdrawn by what was not known beforehand. Sans-I/O.

    Args:
        size: What an interval allows; the bucket starts full.
        interval: Seconds in which an empty bucket fills.
    """

    def __init__(self, size: float, interval: float) -> None:
        self._size = max(1.0, size)
        self._rate = size / interval
        self._left = self._size
        self._filled = 0.0

    def wait(self, now: float) -> float:
        """Seconds until something is admitted; 0 if it is now."""
        self._left = min(self._size, self._left + (now - self._filled) * self._rate)
        self._filled = now
        return 0.0 if self._left >= 1 else (1 - self._left) / self._rate

    def charge(self, amount: float) -> None:
        """Take an amount, which may be more than is left, or negative."""
        self._left -= amount


class LoadMiddleware:
    """Delays, refuses and fails requests."""

    def __init__(
        self, app: ASGIApp, load: Load, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._load = load
        self._clock = clock
        self._requests = _quota(load.requests_per_second, 1.0)
        self._tokens = _quota(load.tokens_per_minute, _MINUTE)
        self._admitted = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif (refusal := self._admit()) is not None:
            await refusal(scope, receive, send)
        else:
            await self._handle(scope, receive, send)

    def _admit(self) -> Response | None:
        """Count a request in, or say why not."""
        now = self._clock()
        for what, quota in (("requests", self._requests), ("tokens", self._tokens)):
            if quota is not None and (wait := quota.wait(now)) > 0:
                return _too_many(what, wait)
        if self._requests is not None:
            self._requests.charge(1)
        self._admitted += 1
        if self._load.fail_every and self._admitted % self._load.fail_every == 0:
            body = error_body(
                "internal_error", "The server failed.", "It was told to (fail_every)."
            )
            return json_response(body, 500)
        return None

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._load.latency:
            await asyncio.sleep(self._load.latency)
        if self._tokens is None:
            await self._app(scope, receive, send)
        else:
            meter = _Meter(self._tokens, receive, send)
            await self._app(scope, meter.receive, meter.send)


class _Meter:
    """Charges a request for its prompt when it is read, and for the rest as usage is reported."""

    def __init__(self, tokens: Quota, receive: Receive, send: Send) -> None:
        self._tokens = tokens
        self._receive = receive
        self._send = send
        self._charged = 0.0

    async def receive(self) -> Message:
        message = await self._receive()
        self._charge(len(message.get("body", b"")) / _BYTES_PER_TOKEN)
        return message

    async def send(self, message: Message) -> None:
        if found := _USAGE.search(message.get("body", b"")):
            self._charge(int(found[1]) - self._charged)
        await self._send(message)

    def _charge(self, amount: float) -> None:
        self._charged += amount
        self._tokens.charge(amount)


def _quota(size: float | None, interval: float) -> Quota | None:
    return None if size is None else Quota(size, interval)


def _too_many(what: str, wait: float) -> Response:
    # Whole seconds, as RFC 9110 has them; some APIs say milliseconds in a header of their own.
    seconds = max(1, math.ceil(wait))
    body = error_body(
        "rate_limit_exceeded", f"Too many {what}.", f"Try again in {seconds} seconds."
    )
    return json_response(body, 429, {"retry-after": str(seconds)})
