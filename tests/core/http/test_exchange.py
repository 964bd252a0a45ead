"""One call; the tests of its parts are beside this."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest
from client_calls import DONE, REQUEST, VERDICT, answer, event, text_of
from transport_parts import post
from wire_server import LAST_CHUNK, Close, Reset, Stall, head, stream, whole

from grayswan_core.decoding.chunk_stream import ChunkStream
from grayswan_core.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    InternalServerError,
    RateLimitError,
)
from grayswan_core.http.attempt import Call
from grayswan_core.http.exchange import Exchange, aonly, only
from grayswan_core.http.protocol import ProtocolError
from grayswan_core.http.retry import RetryPolicy
from grayswan_core.limits import DEFAULT_LIMITS, Timeout

A = b'data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}\n\n'
END = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'


class Response:
    """A response in pieces; a piece may be an error."""

    may_linger = True
    headers = {"content-type": "text/event-stream"}  # noqa: RUF012 - never changed

    def __init__(self, *pieces, status=200):
        self.pieces = list(pieces)
        self.status = status
        self.closed = 0

    def read(self):
        piece = self.pieces.pop(0) if self.pieces else b""
        if isinstance(piece, BaseException):
            raise piece
        return piece

    def close(self):
        self.closed += 1

    async def aread(self):
        return self.read()

    async def aclose(self):
        self.close()


class Transports:
    """Gives prepared responses, one a try; an error instead of one is raised."""

    def __init__(self, *responses):
        self.responses = responses
        self.tries = 0

    def open(self, request, deadline):
        self.tries += 1
        response = self.responses[self.tries - 1]
        if isinstance(response, BaseException):
            raise response
        return response

    async def aopen(self, request, deadline):
        return self.open(request, deadline)


def refuse(status, headers, body):
    return RateLimitError("slow down", status_code=status, body=body.decode())


CALL = Call(post(), "text/event-stream", True, ChunkStream, refuse)


class Running:
    """Runs a call sync or async; what it gave, and the secrets it was asked to hide."""

    def __init__(self, is_async):
        self.is_async = is_async
        self.items = []
        self.hidden = []

    async def __call__(self, *responses, max_retries=2, leave_after=None, **timeout):
        transports = Transports(*responses)
        policy = RetryPolicy(max_retries=max_retries)
        exchange = Exchange(
            transports, Timeout(**timeout), DEFAULT_LIMITS, policy, self.hidden.append
        )
        if self.is_async:
            items = exchange.arun(CALL)
            async for item in items:
                self.items.append(item)
                if len(self.items) == leave_after:
                    break
            await items.aclose()
        else:
            items = exchange.run(CALL)
            for item in items:
                self.items.append(item)
                if len(self.items) == leave_after:
                    break
            items.close()
        return transports


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def run(request, sleeps):
    return Running(request.param)


async def test_the_items_of_a_response_as_they_come(run, sleeps):
    response = Response(A, A + END)
    await run(response)
    assert 3 == len(run.items)
    assert (1, []) == (response.closed, sleeps)


async def test_a_failure_before_the_first_item_is_tried_again(run, sleeps):
    refused, broken = Response(b"no", status=429), Response(ProtocolError("cut"))
    transports = await run(refused, broken, Response(A + END))
    assert (3, 2, 2) == (transports.tries, len(run.items), len(sleeps))
    assert (1, 1) == (refused.closed, broken.closed)
    assert [RateLimitError, APIConnectionError] == [type(error) for error in run.hidden]


async def test_what_had_arrived_is_on_the_error_and_not_tried_again(run, sleeps):
    response = Response(A, ProtocolError("cut"))
    with pytest.raises(APIConnectionError) as caught:
        await run(response, Response(A + END))
    assert "a" == caught.value.partial.choices[0].message.content
    assert ([], 1, 1) == (sleeps, response.closed, len(run.items))
    assert run.hidden == [caught.value]


async def test_after_the_last_try_the_error_stands(run, sleeps):
    with pytest.raises(RateLimitError):
        await run(*(Response(status=429) for _ in range(3)), max_retries=2)
    assert 2 == len(sleeps)


async def test_there_is_no_wait_longer_than_the_call_may_take(run, sleeps, monkeypatch):
    monkeypatch.setattr(RetryPolicy, "delay", lambda *_: 10.0)
    with pytest.raises(RateLimitError):
        await run(Response(status=429), total=5)
    assert [] == sleeps


async def test_an_error_that_is_unknown_is_ours_and_final(run):
    with pytest.raises(APIError, match="please report it: LookupError"):
        await run(LookupError("odd"), Response(A + END))


@pytest.mark.parametrize("error", [KeyboardInterrupt(), asyncio.CancelledError()], ids=repr)
async def test_what_ends_more_than_a_call_ends_it_and_closes(run, error):
    response = Response(A, error)
    with pytest.raises(type(error)):
        await run(response, Response(A + END))
    assert (1, []) == (response.closed, run.hidden)


async def test_a_reader_who_leaves_closes(run):
    response = Response(A, A, A)
    await run(response, leave_after=1)
    assert (1, []) == (response.closed, run.hidden)


async def test_only_takes_one_item_and_closes():
    closed = []

    def items(count):
        try:
            yield from range(count)
        finally:
            closed.append(count)

    async def aitems(count):
        for item in items(count):
            yield item

    assert 0 == only(items(1)) == await aonly(aitems(1))
    for count in (0, 2):
        with pytest.raises(ValueError, match="values to unpack"):
            only(items(count))
        with pytest.raises(ValueError, match="values to unpack"):
            await aonly(aitems(count))
    assert [1, 1, 0, 0, 2, 2] == closed


# --- tries of a client


def test_each_new_try_is_logged(client, server, sleeps, caplog):
    server.play(whole("{}", status=503))
    server.play(whole(answer()))
    with caplog.at_level(logging.INFO, logger="grayswan_core"):
        client.complete(REQUEST)
    assert ["Try 1 ended in InternalServerError; next in"] == [
        record.getMessage().rsplit(" ", 2)[0]
        for record in caplog.records
        if record.name == "grayswan_core.http.exchange"
    ]


async def test_a_busy_service_is_asked_again(server, calls, sleeps):
    server.play(whole('{"error": "slow down"}', 429))
    server.play(whole(answer()))
    assert "Hi there." == (await calls.complete()).choices[0].message.content
    assert 2 == len(server.requests)
    assert server.requests[0].body == server.requests[1].body
    assert 0 <= sleeps[0] <= 1


async def test_tries_come_to_an_end_in_the_services_error(server, calls, sleeps):
    server.play_always(whole("down", 503, "text/plain"))
    with pytest.raises(InternalServerError, match=r"503\. down") as caught:
        await calls.complete()
    assert 6 == len(server.requests)
    assert 5 == len(sleeps)
    assert 503 == caught.value.status_code


async def test_no_retries_means_one_request(server, half, new_client, sleeps):
    server.play_always(whole("down", 500))
    with pytest.raises(InternalServerError):
        await half(new_client(max_retries=0)).complete()
    assert (1, []) == (len(server.requests), sleeps)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_what_will_not_change_is_not_asked_again(server, calls, sleeps, status):
    server.play_always(whole('{"detail": "No"}', status))
    with pytest.raises(APIStatusError, match="No"):
        await calls.complete()
    assert (1, []) == (len(server.requests), sleeps)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
async def test_what_may_change_is_asked_again(server, calls, sleeps, status):
    server.play(whole("", status))
    server.play(whole(VERDICT))
    await calls.moderate()
    assert 2 == len(server.requests)


async def test_the_wait_the_service_asks_for_is_kept(server, calls, sleeps):
    server.play(whole("", 429, headers={"retry-after": "7"}))
    server.play(whole("", 503, headers={"retry-after-ms": "1500"}))
    server.play(whole(answer()))
    await calls.complete()
    assert [7.0, 1.5] == sleeps


async def test_a_wait_too_long_is_an_error_at_once_with_the_figure_in_it(server, calls, sleeps):
    server.play_always(whole("", 429, headers={"retry-after": "86400"}))
    with pytest.raises(RateLimitError, match=r"86,400 s") as caught:
        await calls.complete()
    assert (1, [], 86400.0) == (len(server.requests), sleeps, caught.value.retry_after)


async def test_the_service_may_forbid_or_ask_for_another_try(server, calls, sleeps):
    server.play(whole("", 503, headers={"x-should-retry": "false"}))
    with pytest.raises(InternalServerError):
        await calls.complete()
    server.play(whole("", 400, headers={"x-should-retry": "true"}))
    server.play(whole(answer()))
    await calls.complete()
    assert 3 == len(server.requests)


@pytest.mark.parametrize(
    "steps",
    [
        (Close(),),
        (Reset(),),
        (head() + b"content-length: 100\r\n\r\n{", Close()),
        (head() + b"content-length: 100\r\n\r\n{", Reset()),
        (*stream(b"{", content_type="application/json"), Close()),
        (b"this is not HTTP\r\n\r\n", Close()),
    ],
    ids=["close", "reset", "short", "short-reset", "no-last-chunk", "no-http"],
)
async def test_a_broken_connection_is_tried_again_and_then_an_error(server, calls, sleeps, steps):
    server.play(*steps)
    server.play(whole(answer()))
    await calls.complete()
    assert 2 == len(server.requests)
    server.play_always(*steps)
    with pytest.raises(APIConnectionError) as caught:
        await calls.complete()
    assert isinstance(caught.value.__cause__, ProtocolError | OSError)


async def test_a_service_that_is_not_there_is_an_error(half, server, new_client, sleeps):
    calls = half(new_client(max_retries=1))
    server.close()
    with pytest.raises(APIConnectionError, match="cannot be reached"):
        await calls.complete()
    assert 1 == len(sleeps)


async def test_a_service_that_says_nothing_is_a_timeout(server, half, new_client, sleeps):
    calls = half(new_client(timeout=Timeout(read=0.05), max_retries=1))
    server.play_always(Stall())
    with pytest.raises(APITimeoutError, match="timeout `read`"):
        await calls.complete()
    assert 2 == len(server.requests)


@pytest.mark.parametrize(
    "steps",
    [
        (whole("", 503),),
        (Reset(),),
        (*stream(), Close()),
        (*stream(), LAST_CHUNK),
        (*stream(b": only a comment\n\n"), Reset()),
        (*stream(DONE), LAST_CHUNK),
        (*stream(b"data: {"), LAST_CHUNK),
    ],
    ids=["503", "reset", "cut", "empty", "comment", "only-done", "half-an-event"],
)
async def test_a_stream_is_tried_again_before_its_first_chunk(server, calls, sleeps, steps):
    server.play(*steps)
    server.play(*stream(event("a", "stop"), DONE), LAST_CHUNK)
    chunks, error = await calls.stream()
    assert error is None
    assert "a" == text_of(chunks)
    assert (2, 1) == (len(server.requests), len(sleeps))


# --- a reader of a client who leaves


async def test_closing_a_stream_closes_its_connection_at_once(server, calls):
    server.play(*stream(event("a")), Stall())
    _, close = await calls.first()
    await close()
    await asyncio.to_thread(server.wait_for_close)


def test_dropping_a_stream_closes_its_connection_without_the_garbage_collector(server, client):
    server.play(*stream(event("a")), Stall())
    gc.disable()
    try:
        for _ in client.stream(REQUEST):
            break
        server.wait_for_close()
    finally:
        gc.enable()


async def test_dropping_an_async_stream_does_too(server, client):
    server.play(*stream(event("a")), Stall())
    gc.disable()
    try:
        async for _ in client.astream(REQUEST):
            break
        await asyncio.to_thread(server.wait_for_close)
    finally:
        gc.enable()
    await client.aclose()


async def test_cancelling_a_task_closes_its_connection_at_once(server, client):
    server.play(*stream(event("a")), Stall())

    async def consume():
        async for _ in client.astream(REQUEST):
            pass

    task = asyncio.create_task(consume())
    await asyncio.to_thread(server.wait_for_requests, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(server.wait_for_close)
    await client.aclose()


async def test_a_stream_left_early_does_not_disturb_the_next_request(server, calls):
    server.play(*stream(event("a")), Stall())
    server.play(whole(answer()))
    _, close = await calls.first()
    await close()
    assert "Hi there." == (await calls.complete()).choices[0].message.content
