"""Calls that are cancelled, above all by anyio, which cancels again at each turn of the loop."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import contextmanager, suppress

import anyio
import pytest
import uvicorn
from fault_table import SO, answer
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from llama_index.core.llms import ChatMessage
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route
from wire_server import Stall, stream, whole

from grayswan_core import Limits, Timeout
from langchain_grayswan import ChatGraySwan
from llama_index_grayswan import GraySwan

TIMES = 100

# Places that were lost would be missed at once, and waiting for one would be an error soon.
SETTINGS = {
    "api_key": "gs-test-key",
    "max_retries": 0,
    "limits": Limits(max_connections=4),
    "timeout": Timeout(pool=10),
}


@pytest.fixture(params=["direct", "httpx"])
def transport(request):
    return request.param


@pytest.fixture
def slow_server(server):
    """Answers a call that says "quick"; begins to answer any other, or not even that."""

    def choose(request):
        body = request.json()
        if body["messages"][-1]["content"] == "quick":
            return (whole(answer()),)
        return (*stream(SO), Stall()) if body.get("stream") else (Stall(),)

    server.play_by(choose)
    return server


@pytest.fixture
def chain(slow_server, transport):
    prompt = ChatPromptTemplate.from_messages([("user", "{question}")])
    model = ChatGraySwan(base_url=slow_server.url, transport=transport, **SETTINGS)
    return prompt | model | StrOutputParser()


@pytest.fixture
def llm(slow_server, transport):
    return GraySwan(base_url=slow_server.url, transport=transport, **SETTINGS)


async def answers(chain, llm):
    """Whether the models still work, and the server has seen the end of all other calls."""
    assert "Hi there." == await chain.ainvoke({"question": "quick"})
    assert "Hi there." == str((await llm.achat([ChatMessage("quick")])).message.content)


def left(server, count):
    for request in server.requests:
        if request.json()["messages"][-1]["content"] != "quick":
            server.wait_for_close(request.connection)
    assert count <= len(server.requests)


async def listen(chain):
    async for _ in chain.astream({"question": "slow"}):
        pass


async def wait_for(server, count):
    await asyncio.to_thread(server.wait_for_requests, count)


ASK = {
    "astream": lambda chain, llm: listen(chain),
    "ainvoke": lambda chain, llm: chain.ainvoke({"question": "slow"}),
    "gather": lambda chain, llm: asyncio.gather(*(llm.achat([ChatMessage("slow")]) for _ in "12")),
    "a task": lambda chain, llm: asyncio.create_task(llm.achat([ChatMessage("slow")])),
}


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
async def test_after_a_hundred_cancelled_calls_the_next_is_answered(slow_server, chain, llm, ask):
    for number in range(TIMES):
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: _asked(ask, chain, llm))
            await wait_for(slow_server, number + 1)
            group.cancel_scope.cancel()
    await answers(chain, llm)
    await asyncio.to_thread(left, slow_server, TIMES)


async def _asked(ask, chain, llm):
    await ask(chain, llm)


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
async def test_calls_may_be_cancelled_at_any_moment(slow_server, chain, llm, ask):
    for number in range(TIMES):
        with anyio.move_on_after(number * 0.0002):
            await ask(chain, llm)
    await answers(chain, llm)
    await asyncio.to_thread(left, slow_server, 0)


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
async def test_calls_may_be_cancelled_by_asyncio_at_any_moment(slow_server, chain, llm, ask):
    for number in range(TIMES):
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(_asked(ask, chain, llm), number * 0.0002)
    await answers(chain, llm)
    await asyncio.to_thread(left, slow_server, 0)


@contextmanager
def serving(app):
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield listener.getsockname()
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def test_a_browser_that_leaves_a_streaming_response_costs_no_connection(slow_server, chain, llm):
    async def endpoint(request):
        question = request.query_params["q"]
        return StreamingResponse(chain.astream({"question": question}), media_type="text/plain")

    def ask(address, question):
        browser = socket.create_connection(address, 30)
        browser.sendall(f"GET /?q={question} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        received = b""
        while piece := browser.recv(1000):
            received += piece
            if b"so " in received or b"Hi there." in received:
                break
        browser.close()
        return received

    streamed = (*stream(SO.replace(b"so ", b"Hi there.")), Stall())
    with serving(Starlette(routes=[Route("/", endpoint)])) as address:
        for _ in range(30):
            assert b"so " in ask(address, "slow")
        slow_server.play(*streamed)
        assert b"Hi there." in ask(address, "quick,please")
        left(slow_server, 30)
