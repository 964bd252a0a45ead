from __future__ import annotations

import asyncio
import threading
from contextvars import copy_context

import pytest
from wire_server import LAST_CHUNK, Reset, Stall, stream, whole

from grayswan_core import APIConnectionError, APITimeoutError, ChatRequest, Message, Timeout
from grayswan_core.http.deadline import Deadline
from grayswan_core.http.gate import admit, gated

REQUEST = ChatRequest(model="cygnet", messages=[Message(role="user", content="Hello")])
ANSWER = '{"choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "Hi"}}]}'
EVENT = b'data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}\n\n'
END = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'


class Gate:
    """Notes what it is asked and told."""

    def __init__(self):
        self.sizes = []
        self.ends = []

    def acquire(self, size):
        self.sizes.append(size)
        return self

    async def aacquire(self, size):
        await asyncio.sleep(0)
        return self.acquire(size)

    def done(self, error):
        self.ends.append(error)


@pytest.fixture
def gate():
    gate = Gate()
    with gated(gate):
        yield gate


@pytest.mark.parametrize("is_async", [False, True])
async def test_each_try_has_a_permit_of_its_own(server, new_client, sleeps, gate, is_async):
    server.play(whole("", 503))
    server.play(Reset())
    server.play(whole(ANSWER))
    client = new_client()
    await (client.acomplete(REQUEST) if is_async else asyncio.to_thread(client.complete, REQUEST))
    assert [len(request.body) for request in server.requests] == gate.sizes
    refused, broken, answered = gate.ends
    assert 503 == refused.status_code
    assert isinstance(broken, APIConnectionError)
    assert answered is None
    await client.aclose()


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_stream_holds_its_permit_until_it_ends(server, new_client, gate, is_async):
    server.play_always(*stream(EVENT, END), LAST_CHUNK)
    client = new_client()
    if is_async:
        chunks = client.astream(REQUEST)
        await anext(chunks)
        assert [] == gate.ends
        assert 1 == len([chunk async for chunk in chunks])
    else:
        chunks = client.stream(REQUEST)
        next(chunks)
        assert [] == gate.ends
        assert 1 == len(list(chunks))
    assert [None] == gate.ends
    await client.aclose()


def test_what_leaves_gives_its_permit_back(server, new_client, gate):
    server.play_always(*stream(EVENT), Stall())
    chunks = new_client().stream(REQUEST)
    next(chunks)
    chunks.close()
    assert [GeneratorExit] == [type(error) for error in gate.ends]


async def test_what_is_cancelled_gives_its_permit_back(server, new_client, gate):
    server.play_always(Stall())
    client = new_client()
    task = asyncio.create_task(client.acomplete(REQUEST))
    await asyncio.to_thread(server.wait_for_requests, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [asyncio.CancelledError] == [type(error) for error in gate.ends]
    await client.aclose()


def test_what_the_gate_raises_ends_the_call(server, new_client):
    class Shut(Gate):
        def acquire(self, size):
            raise InterruptedError

    with gated(Shut()), pytest.raises(InterruptedError):
        new_client().complete(REQUEST)
    assert [] == server.requests


def test_a_gate_is_of_its_context(server, new_client, gate):
    server.play_always(whole(ANSWER))
    client = new_client()
    thread = threading.Thread(target=copy_context().run, args=(client.complete, REQUEST))
    thread.start()
    thread.join()
    assert 1 == len(gate.sizes)
    with gated(None):
        client.complete(REQUEST)
    assert 1 == len(gate.sizes)


def test_the_time_at_the_gate_counts_for_no_timeout():
    now = [0.0]

    class Slow(Gate):
        def acquire(self, size):
            now[0] += 100
            return self

    deadline = Deadline(Timeout(total=10), lambda: now[0])
    with gated(Slow()):
        admit(1, deadline)
    assert 10 == deadline.remaining()
    now[0] += 10
    with pytest.raises(APITimeoutError, match="total"):
        deadline.check()
