"""The faults once more, with aiohttp beneath: the same errors, and in time.

One difference: when a connection breaks, aiohttp throws away what it has read and not handed out.
What these faults deliver just before that may be lost, and then the error is the broken connection.
Or it tells nobody, and the error is the timeout.
"""

from __future__ import annotations

import pytest
from canaries import assert_clean
from fault_table import ANY_WAY, PLAIN, STREAM, STREAMED, WHOLE
from ways import OURS, check_failure, outcome_of

from grayswan_core import APIError, Timeout
from grayswan_core.http.aiohttp_client import aiohttp_client

CASES = [
    *((PLAIN, fault) for fault in (*ANY_WAY, *WHOLE)),
    *((STREAM, fault) for fault in (*ANY_WAY, *STREAMED)),
]


BREAKS = {
    "503, its body cut",
    "reset",
    "reset after the finish reason",
    "reset while a tool call is open",
    "no last HTTP chunk",
    "no last HTTP chunk after [DONE]",
    "an HTTP chunk that is none",
}


@pytest.mark.parametrize(
    ("how", "fault"), CASES, ids=[f"{how}: {fault.name}" for how, fault in CASES]
)
def test_a_fault_is_told_and_nothing_is_lost(server, how, fault):
    server.play_always(*fault.steps)
    outcome = outcome_of(
        OURS["core"],
        how,
        server.url,
        fault,
        # Of an HTTP chunk that is none, aiohttp tells nobody now and then.
        timeout=fault.timeout or Timeout(between_chunks=5),
        is_async=True,
        http_async_client=aiohttp_client,
    )
    if fault.name in BREAKS and outcome.error is not None:
        assert isinstance(outcome.error, APIError)
        assert outcome.error.is_retryable
        assert outcome.text.startswith(fault.text) or fault.text.startswith(outcome.text)
        assert_clean(outcome.error)
    elif fault.error is None:
        assert (None, fault.text) == (outcome.error, outcome.text)
    else:
        check_failure(("core", True), fault, outcome)
        assert_clean(outcome.error)
