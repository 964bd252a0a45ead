"""One call; the tests of its parts are beside this, those of whole flows in `test_client`."""

from __future__ import annotations

import asyncio

import pytest
from transport_parts import post

from grayswan_core.decoding.chunk_stream import ChunkStream
from grayswan_core.errors import APIConnectionError, APIError, RateLimitError
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
