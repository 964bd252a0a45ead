import asyncio

import pytest
from wire_server import Close, Stall, whole

from grayswan_core import (
    APITimeoutError,
    AuthenticationError,
    ClientConfig,
    IncompleteStreamError,
    InvalidRequestError,
    ResponseError,
    StreamError,
    Timeout,
)
from grayswan_core.cygnal.client import CygnalClient
from grayswan_core.wire import MonitorMessage, MonitorRequest

REQUEST = MonitorRequest(messages=[MonitorMessage(role="user", content="hi")])


@pytest.fixture
def new_monitor(server, key):
    made = []

    def make(**settings):
        config = ClientConfig.resolve(api_key=key, base_url=server.url, **settings)
        made.append(CygnalClient(config))
        return made[-1]

    yield make
    for client in made:
        client.close()


def test_a_verdict(server, new_monitor, key):
    server.play(whole('{"violation": 0.75, "ipi": true}'))
    verdict = new_monitor().monitor(REQUEST)
    assert (0.75, True) == (verdict.violation, verdict.ipi)
    (request,) = server.requests
    assert ("POST", "/cygnal/monitor") == (request.method, request.target)
    assert [key] == request.all("grayswan-api-key")
    assert [f"Bearer {key}"] == request.all("authorization")
    assert {"messages": [{"role": "user", "content": "hi"}]} == request.json()


async def test_a_verdict_async(server, new_monitor):
    server.play(whole('{"violation": 0}'))
    client = new_monitor()
    assert 0 == (await client.amonitor(REQUEST)).violation
    await client.aclose()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"error": true, "violation": 0.0, "error_message": "judge down"}', StreamError),
        ('{"error": {"message": "judge down"}, "violation": 0.0}', StreamError),
        ('{"ipi": false}', ResponseError),
        ('{"violation": "low"}', ResponseError),
        ("[]", ResponseError),
        ("", ResponseError),
        ('{"violation": 0.', ResponseError),
    ],
)
def test_what_is_no_verdict_is_an_error(server, new_monitor, body, kind):
    server.play(whole(body))
    with pytest.raises(kind) as caught:
        new_monitor(max_retries=0).monitor(REQUEST)
    assert "judge down" not in body or "judge down" in str(caught.value)


def test_a_failure_is_tried_again(server, new_monitor, sleeps):
    server.play(whole("{}", 503))
    server.play(whole('{"violation": 0.1}'))
    assert 0.1 == new_monitor(max_retries=1).monitor(REQUEST).violation
    assert 1 == len(sleeps)


def test_the_key_is_in_no_error(server, new_monitor, key, said_by):
    server.play(whole(f'{{"message": "no such key {key}"}}', 401))
    with pytest.raises(AuthenticationError) as caught:
        new_monitor().monitor(REQUEST)
    assert key not in said_by(caught.value)
    assert key not in repr(new_monitor())


def test_a_silent_monitor_times_out(server, new_monitor):
    server.play_always(Stall())
    with pytest.raises(APITimeoutError):
        new_monitor(timeout=Timeout(read=0.2, total=0.3), max_retries=0).monitor(REQUEST)


def test_a_connection_that_breaks_is_an_error(server, new_monitor):
    server.play_always(whole('{"violation": 0.0}')[:-4], Close())
    with pytest.raises((IncompleteStreamError, Exception)) as caught:
        new_monitor(max_retries=0).monitor(REQUEST)
    assert caught.value.is_retryable


async def test_a_caller_who_leaves_closes_the_connection(server, new_monitor):
    server.play_always(Stall())
    task = asyncio.create_task(new_monitor().amonitor(REQUEST))
    await asyncio.to_thread(server.wait_for_requests, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(server.wait_for_close)


def test_what_is_no_unicode_is_refused_before_it_is_sent(server, new_monitor):
    with pytest.raises(InvalidRequestError):
        new_monitor().monitor(MonitorRequest(text="\ud800"))
    assert [] == server.requests
