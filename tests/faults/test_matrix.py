"""Every fault through every way to ask: six for a whole answer, six for a stream."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import httpx
import pytest
from fault_table import ANY_WAY, PLAIN, STREAM, STREAMED, WHOLE
from ways import OURS, check_failure, outcome_of

from grayswan_core import APITimeoutError

WAYS = [*product(OURS, (False, True))]

CASES = [
    *((PLAIN, fault) for fault in (*ANY_WAY, *WHOLE)),
    *((STREAM, fault) for fault in (*ANY_WAY, *STREAMED)),
]


@pytest.fixture(params=["direct", "httpx"])
def transport(request):
    return request.param


# What httpx waits for with one timeout for each read, however little each read brings.
ENDLESS_WITH_HTTPX = {
    "a response head, byte by byte",
    "endless `100 Continue`",
    "an endless HTTP chunk header",
}


def outcomes(url, how, fault, ways, **more):
    """What came of each way; all ways are gone at once, as most of it is waiting."""

    def ask(way):
        make, is_async = way
        return outcome_of(
            OURS[make], how, url, fault, timeout=fault.timeout, is_async=is_async, **more
        )

    with ThreadPoolExecutor(len(ways)) as pool:
        return dict(zip(ways, pool.map(ask, ways), strict=True))


@pytest.mark.parametrize(
    ("how", "fault"), CASES, ids=[f"{how}: {fault.name}" for how, fault in CASES]
)
def test_a_fault_is_told_and_nothing_is_lost(server, how, fault, transport):
    server.play_always(*fault.steps)
    ways = WAYS
    if transport == "httpx" and fault.name in ENDLESS_WITH_HTTPX:
        ways = [way for way in WAYS if way[1]]  # sync: docs/reliability.md says so
    for way, outcome in outcomes(server.url, how, fault, ways, transport=transport).items():
        if fault.error is None:
            expected = (way, None, fault.text, outcome.finished is False)
            assert expected == (way, outcome.error, outcome.text, False)
        else:
            check_failure(way, fault, outcome)
    assert len(ways) == len(server.requests)


@pytest.fixture
def sleeps(monkeypatch):
    """The sleeps asked for; none is slept."""
    asked = []

    class Time:
        sleep = asked.append

    class Loops:
        @staticmethod
        async def sleep(seconds):
            asked.append(seconds)

    monkeypatch.setattr("grayswan_core.http.exchange.time", Time)
    monkeypatch.setattr("grayswan_core.http.exchange.asyncio", Loops)
    return asked


BY_NAME = {fault.name: fault for fault in (*ANY_WAY, *STREAMED)}


@pytest.mark.parametrize("retries", [0, 1, 3])
@pytest.mark.parametrize("name", ["500, HTML", "reset before a byte", "409"])
@pytest.mark.parametrize("how", [PLAIN, STREAM])
@pytest.mark.parametrize(("make", "is_async"), WAYS)
def test_the_requests_on_the_wire_are_as_many_as_the_user_said(
    server, sleeps, how, name, retries, make, is_async
):
    server.play_always(*BY_NAME[name].steps)
    fault = BY_NAME[name]
    outcome = outcome_of(OURS[make], how, server.url, fault, is_async=is_async, max_retries=retries)
    assert isinstance(outcome.error, fault.error)
    assert (1 + retries, retries) == (len(server.requests), len(sleeps))


@pytest.mark.parametrize(("make", "is_async"), WAYS)
def test_a_stream_is_not_asked_for_again_once_a_chunk_is_out(server, sleeps, make, is_async):
    server.play_always(*BY_NAME["reset"].steps)
    outcome = outcome_of(
        OURS[make], STREAM, server.url, BY_NAME["reset"], is_async=is_async, max_retries=3
    )
    assert ("so far", 1, []) == (outcome.error.partial_text, len(server.requests), sleeps)


LATE = ["endless comments", "an event, byte by byte", "endless empty chunks", "endless chunks"]


@pytest.mark.parametrize("name", LATE)
@pytest.mark.parametrize("make", ["langchain", "llama"])
def test_what_dawdles_is_late_with_an_httpx_client_passed_in_too(server, name, make):
    fault = BY_NAME[name]
    server.play_always(*fault.steps)
    with httpx.Client() as own:
        outcome = outcome_of(
            OURS[make], STREAM, server.url, fault, timeout=fault.timeout, http_client=own
        )
        assert isinstance(outcome.error, APITimeoutError)
        assert fault.says in outcome.error.message
        assert not own.is_closed
