from __future__ import annotations

import asyncio
import subprocess
import sys

import httpx
from wire_server import Stall, chunk, stream, whole

from grayswan_core import ChatRequest, ClientConfig, CygnetClient, Limits, Message
from grayswan_core.http.aiohttp_client import aiohttp_client

REQUEST = ChatRequest(model="cygnet", messages=[Message(role="user", content="Hello")])
ANSWER = (
    '{"id": "chat-1", "model": "cygnet", "choices": [{"finish_reason": "stop",'
    ' "message": {"content": "Hi there."}}]}'
)


def client_at(server, **settings):
    config = ClientConfig.resolve(api_key="fake", base_url=server.url, **settings)
    return CygnetClient(config, http_async_client=aiohttp_client)


async def test_calls_share_a_connection(server):
    server.play_always(whole(ANSWER))
    async with client_at(server) as client:
        for _ in range(3):
            answer = await client.acomplete(REQUEST)
            assert "Hi there." == answer.choices[0].message.content
    assert 3 == len(server.requests)


def test_one_client_in_many_event_loops(server):
    server.play_always(whole(ANSWER))
    client = client_at(server)
    for _ in range(3):
        assert "chat-1" == asyncio.run(client.acomplete(REQUEST)).id


async def test_more_calls_than_connections(server):
    server.play_always(whole(ANSWER))
    async with client_at(server, limits=Limits(max_connections=50)) as client:
        answers = await asyncio.gather(*(client.acomplete(REQUEST) for _ in range(200)))
    assert 200 == len(answers)


async def test_a_stream_left_early_leaves_nothing_open(server):
    event = b'data: {"choices": [{"delta": {"content": "a"}}]}\n\n'
    server.play_always(*stream(chunk(event)), Stall())
    async with client_at(server) as client:
        chunks = client.astream(REQUEST)
        assert "a" == (await anext(chunks))["choices"][0]["delta"]["content"]
        await chunks.aclose()


async def test_no_cookie_is_sent_back(server):
    server.play_always(whole(ANSWER, headers={"set-cookie": "a=b"}))
    async with client_at(server) as client:
        for _ in range(2):
            await client.acomplete(REQUEST)
    assert not any("cookie" in request.headers for request in server.requests)


async def test_what_it_makes_is_an_httpx_client():
    async with aiohttp_client() as client:
        assert isinstance(client, httpx.AsyncClient)


def test_without_the_extra_it_says_what_to_install():
    program = (
        "import sys; sys.modules['httpx_aiohttp'] = None\n"
        "from grayswan_core import ConfigurationError\n"
        "try:\n    import grayswan_core.http.aiohttp_client\n"
        "except ConfigurationError as error:\n    print(error)"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert 'pip install "grayswan-integrations[aiohttp]"' in done.stdout
