"""Whether to try again, and when. Pure: it computes delays and never sleeps.

The facts (which failures, which headers) are the official library's; the jitter is "full
jitter" (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from math import isfinite

from grayswan_core.errors import APIError

__all__ = ["RetryPolicy", "retry_after_seconds", "should_retry"]


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently a failed request is sent again.

    Attributes:
        max_retries: Tries after the first; 0 turns retrying off.
        first_delay: Longest wait before the second try, in seconds; it doubles each time.
        max_delay: Longest wait the doubling reaches, in seconds.
        max_retry_after: Longest wait followed when the service asks for one, in seconds. When
            it asks for more, the error is raised at once with the figure on it.
    """

    max_retries: int = 5
    first_delay: float = 1.0
    max_delay: float = 10.0
    max_retry_after: float = 60.0

    def delay(
        self, attempt: int, error: APIError, *, random: Callable[[], float] = random.random
    ) -> float | None:
        """Seconds to wait before trying again, or None when the error stands.

        Args:
            attempt: How many tries were made, 1 or more.
            error: What the last one ended with.
            random: A source of numbers from 0 to 1, for the jitter.
        """
        if attempt > self.max_retries or not error.is_retryable:
            return None
        if error.retry_after is not None:
            return error.retry_after if error.retry_after <= self.max_retry_after else None
        # The exponent is bounded because 2.0 ** 1024 overflows.
        return random() * min(self.max_delay, self.first_delay * 2.0 ** min(attempt - 1, 64))


def should_retry(headers: Mapping[str, str]) -> bool | None:
    """The service's own word (header `x-should-retry`), or None when it gives none."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", "").strip().lower())


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """The wait the service asks for, in seconds, or None when it asks for none that makes sense.

    The headers are `retry-after-ms`, and `retry-after` in seconds or as an HTTP date.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    if value is None:
        return None
    seconds = _number(value)
    return _seconds_until(value) if seconds is None else seconds


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and isfinite(number) and number > 0 else None


def _seconds_until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:  # HTTP dates are in GMT, even where "-0000" hides it
        moment = moment.replace(tzinfo=timezone.utc)
    seconds = (moment - datetime.now(timezone.utc)).total_seconds()
    return seconds if seconds > 0 else None
