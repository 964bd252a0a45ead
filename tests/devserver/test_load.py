"""A busy API: latency, rate limits and failures, on a clock that the tests move."""

from __future__ import annotations

import httpx
import pytest

from grayswan_devserver import DevServer, Load
from grayswan_devserver.load import LoadMiddleware, Quota

KEY = {"Authorization": "Bearer local-test"}
BODY = {"model": "cygnet", "messages": [{"role": "user", "content": "What is 2 + 2?"}]}


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


class App:
    """Counts what reaches it, and answers with usage."""

    def __init__(self, body=b'{"usage":{"total_tokens":30}}'):
        self.calls = 0
        self.body = body

    async def __call__(self, scope, receive, send):
        self.calls += 1
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": self.body})


async def ask(app, body=b""):
    """The status and headers of a request's response."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        sent.append(message)

    await app({"type": "http", "method": "POST"}, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"])


async def statuses(app, count, body=b""):
    return [(await ask(app, body))[0] for _ in range(count)]


def test_a_quota_admits_what_its_interval_allows_and_then_says_how_long_to_wait():
    quota = Quota(10, interval=1.0)
    admitted = 0
    while quota.wait(5.0) == 0:
        quota.charge(1)
        admitted += 1

    assert admitted == 10
    assert quota.wait(5.0) == pytest.approx(0.1)
    assert quota.wait(5.11) == 0


def test_a_quota_below_one_admits_one_now_and_then():
    quota = Quota(0.5, interval=1.0)

    assert quota.wait(9.0) == 0
    quota.charge(1)
    assert quota.wait(9.0) == pytest.approx(2.0)


async def test_requests_beyond_the_rate_get_429_and_do_not_reach_the_application():
    clock, app = Clock(), App()
    busy = LoadMiddleware(app, Load(requests_per_second=3), clock)

    assert await statuses(busy, 5) == [200, 200, 200, 429, 429]
    assert app.calls == 3
    status, headers = await ask(busy)
    assert (status, headers[b"retry-after"]) == (429, b"1")
    clock.now += 1
    assert await statuses(busy, 4) == [200, 200, 200, 429]


async def test_tokens_are_charged_by_the_usage_that_the_answer_reports():
    clock = Clock()
    busy = LoadMiddleware(App(), Load(tokens_per_minute=60), clock)

    assert await statuses(busy, 3, body=b"a prompt") == [200, 200, 429]
    clock.now += 1
    assert await statuses(busy, 2) == [200, 429]


async def test_a_prompt_is_charged_where_no_usage_comes():
    busy = LoadMiddleware(App(body=b"data: [DONE]"), Load(tokens_per_minute=60), Clock())

    assert await statuses(busy, 3, body=b"x" * 160) == [200, 200, 429]


async def test_every_so_many_th_request_fails():
    busy = LoadMiddleware(App(), Load(fail_every=3))

    assert await statuses(busy, 7) == [200, 200, 500, 200, 200, 500, 200]


@pytest.mark.parametrize(
    "wrong",
    [
        {"latency": -1},
        {"latency": float("nan")},
        {"requests_per_second": 0},
        {"tokens_per_minute": -5},
        {"fail_every": 0},
        {"requests_per_second": float("inf")},
    ],
)
def test_a_figure_that_cannot_work_is_an_error(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Load(**wrong)


def test_refused_requests_are_recorded_and_numbered_too():
    with DevServer(load=Load(latency=0.001, requests_per_second=0.001)) as server:
        url = f"{server.url}/chat/completion"
        first, second = (httpx.post(url, json=BODY, headers=KEY) for _ in range(2))

        assert (first.status_code, second.status_code) == (200, 429)
        assert second.json()["error_code"] == "rate_limit_exceeded"
        assert int(second.headers["retry-after"]) > 900
        assert server.last.wait()
        assert server.last.request_id == second.headers["x-request-id"]
        assert server.statuses == {200: 1, 429: 1}


def test_a_bounded_record_keeps_the_latest_and_counts_all():
    with DevServer(keep_requests=2) as server:
        for number in range(5):
            httpx.post(f"{server.url}/chat/completion", json={**BODY, "n": number}, headers=KEY)

        assert server.last.wait()
        assert [each.body["n"] for each in server.requests] == [3, 4]
        assert sum(server.statuses.values()) == 5
        server.clear()
        assert (server.requests, server.statuses) == ([], {})
