"""Whether to try again, and when: exponential backoff with jitter. Sans-I/O: it never sleeps.

The facts (which failures, which headers) are the official library's; the jitter is "full
jitter" (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from grayswan_core.errors import APIError

__all__ = ["RetryPolicy"]


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently a failed request is sent again.

    Attributes:
        max_retries: Tries after the first; 0 turns retrying off.
        first_delay: Longest wait before the second try, in seconds; it doubles each time.
        max_delay: Longest wait the doubling reaches, in seconds.
        max_retry_after: Longest wait followed when the API asks for one, in seconds. When
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
