"""Which calls share connections, when connections are closed, and what is never reused."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time

import httpx
import httpx2
import pytest
from fault_table import DONE, END, FAR, SO, answer, chunk, text
from wire_server import LAST_CHUNK, Close, Hold, Stall, stream, whole

from grayswan_core import (
    APIError,
    ChatRequest,
    ClientConfig,
    ConfigurationError,
    CygnetClient,
    Limits,
    Message,
)
from langchain_grayswan import ChatGraySwan

REQUEST = ChatRequest(model="m", messages=[Message(role="user", content="Hello")])
GOOD = whole(answer())
PATIENCE = 30


@pytest.fixture
def make(server):
    """Makes clients of the server, which are closed in the end."""
    made = []

    def new(key="gs-test-key-0123", transport="direct", **more):
        clients = {name: more.pop(name) for name in [*more] if name.startswith("http_")}
        config = ClientConfig.resolve(api_key=key, base_url=server.url, max_retries=0, **more)
        made.append(CygnetClient(config, transport=transport, **clients))
        return made[-1]

    yield new
    for client in made:
        client.close()


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def say(request):
    """Asks, on a loop that is running or not, and returns the text."""

    async def ask(client):
        response = await client.acomplete(REQUEST) if request.param else client.complete(REQUEST)
        return response.choices[0].message.content

    return ask


async def closed(server, *numbers):
    """Wait until the client has closed connections."""
    for number in numbers:
        await asyncio.to_thread(server.wait_for_close, number)


# --- sharing


async def test_clients_with_one_address_share_connections_whatever_their_key(server, make, say):
    server.play_always(GOOD)
    for number in range(10):
        await say(make(key=f"gs-test-key-{number}"))
    assert 1 == len(server.connections)
    assert 10 == len({request.all("authorization")[0] for request in server.requests})


async def test_other_limits_are_other_connections(server, make, say):
    server.play_always(GOOD)
    await say(make())
    await say(make(limits=Limits(max_connections=3)))
    await say(make(limits=Limits(idle_seconds=3)))
    await say(make(limits=Limits(max_event_size=3)))
    assert 3 == len(server.connections)


def test_a_model_for_each_request_makes_one_connection(server):
    server.play_always(GOOD)
    model = ChatGraySwan(base_url=server.url, api_key="gs-test-key-0123")
    for number in range(10):
        copy = model.model_copy(update={"temperature": number / 10})
        assert "Hi there." == copy.invoke("Hello").text
        fresh = ChatGraySwan(base_url=server.url, api_key=f"gs-test-key-{number}")
        assert "Hi there." == fresh.invoke("Hello").text
    assert 1 == len(server.connections)
    model.close()


async def test_the_last_holder_closes(server, make, say):
    server.play_always(GOOD)
    one, other = make(), make()
    await say(one)
    await say(other)
    one.close()
    await say(other)
    assert 1 == len(server.connections)
    other.close()
    await closed(server, 0)
    await say(one)
    assert 2 == len(server.connections)
    one.close()
    await closed(server, 1)


async def test_closing_one_cuts_no_call_of_anothers(server, make):
    more = threading.Event()
    server.play(*stream(SO), Hold(more), chunk(text("far", "stop") + DONE), LAST_CHUNK)
    server.play_always(GOOD)
    one, other = make(), make()
    chunks = other.astream(REQUEST)
    await anext(chunks)
    await one.acomplete(REQUEST)
    await one.aclose()
    more.set()
    assert 1 == len([each async for each in chunks])
    await other.aclose()


async def test_what_nobody_holds_is_closed_when_its_time_is_up(server, make, say):
    server.play_always(GOOD)
    config = ClientConfig.resolve(
        api_key="gs-test-key", base_url=server.url, limits=Limits(idle_seconds=0.2)
    )
    client = CygnetClient(config)
    await say(client)
    del client
    gc.collect()
    await closed(server, 0)


async def test_after_a_burst_all_are_closed_without_a_further_call(server, make):
    server.play_always(GOOD)
    client = make(limits=Limits(idle_seconds=0.5))
    await asyncio.gather(*(client.acomplete(REQUEST) for _ in range(40)))
    await closed(server, *range(len(server.connections)))


def test_the_thread_that_closes_is_there_only_while_there_are_idle_connections(server, make):
    server.play_always(GOOD)
    client = make(limits=Limits(idle_seconds=0.2))

    def threads():
        return [each for each in threading.enumerate() if each.name == "close idle connections"]

    for connection in range(2):
        client.complete(REQUEST)
        (thread,) = threads()
        server.wait_for_close(connection)
        thread.join(PATIENCE)
        assert not thread.is_alive()


@pytest.mark.parametrize("transport", ["direct", "httpx"])
def test_the_end_of_a_loop_closes_its_connections(server, make, transport):
    server.play_always(GOOD)
    client = make(transport=transport)

    async def several():
        await asyncio.gather(*(client.acomplete(REQUEST) for _ in range(10)))

    asyncio.run(several())
    for number in range(len(server.connections)):
        server.wait_for_close(number)


# --- what is never reused


async def test_what_arrives_on_an_idle_connection_is_nobodys(server, make, say):
    late = threading.Event()
    server.play(GOOD, Hold(late), whole(answer("nobody's")))
    server.play_always(whole(answer("another")))
    client = make()
    assert "Hi there." == await say(client)
    late.set()
    await asyncio.to_thread(time.sleep, 0.05)
    assert "another" == await say(client)
    await closed(server, 0)


@pytest.mark.parametrize("ending", [Close(), b"x"])
async def test_a_connection_that_was_closed_meanwhile_costs_no_error(server, make, say, ending):
    over = threading.Event()
    server.play(GOOD, Hold(over), ending)
    server.play_always(GOOD)
    client = make()
    await say(client)
    over.set()
    await asyncio.to_thread(time.sleep, 0.05)
    assert "Hi there." == await say(client)
    assert 2 == len(server.connections)


CLOSES = {
    "as it says": whole(answer(), headers={"connection": "close"}),
    "HTTP/1.0": GOOD.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "two responses": GOOD + whole(answer("nobody's")),
    "a request as a response": GOOD + b"POST / HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("steps", CLOSES.values(), ids=CLOSES)
async def test_a_connection_that_is_over_is_not_used_again(server, make, say, steps):
    server.play_always(steps)
    client = make()
    for _ in range(2):
        assert "Hi there." == await say(client)
    assert 2 == len(server.connections)
    await closed(server, 0, 1)


async def test_a_request_that_is_refused_before_it_is_whole(server, make, say):
    client = make()
    server.play_always(whole('{"detail": "too large"}', 413), Close())
    large = REQUEST.model_copy(
        update={"messages": [Message(role="user", content="x" * 20_000_000)]}
    )
    with pytest.raises(APIError):
        await client.acomplete(large)
    with pytest.raises(APIError):
        await asyncio.to_thread(client.complete, large)


@pytest.mark.parametrize("size", [65_000, 1_000_000, 9_000_000])
async def test_a_large_request_arrives_whole(server, make, size):
    server.play_always(GOOD)
    client = make()
    large = REQUEST.model_copy(update={"messages": [Message(role="user", content="x" * size)]})
    await client.acomplete(large)
    await asyncio.to_thread(client.complete, large)
    for request in server.requests:
        assert size == len(json.loads(request.body)["messages"][0]["content"])
    await client.aclose()


@pytest.mark.parametrize("transport", ["direct", "httpx"])
async def test_a_slow_reader_gets_all_of_a_long_stream(server, make, transport):
    events = [text(f"{number} ") for number in range(20_000)]
    server.play_always(*stream(b"".join(events), END), LAST_CHUNK)
    client = make(transport=transport)
    count = 0
    async for _ in client.astream(REQUEST):
        count += 1
        if count % 5000 == 0:
            await asyncio.sleep(0.01)
    assert 20_000 < count
    assert count == len(await asyncio.to_thread(lambda: list(client.stream(REQUEST))))
    await client.aclose()


# --- clients of a caller's


@pytest.mark.parametrize("library", [httpx, httpx2])
async def test_a_callers_client_is_used_left_open_and_keeps_its_own_settings(server, make, library):
    server.play_always(GOOD)
    with library.Client(headers={"x-own": "1"}, cookies={"own": "2"}) as own:
        async with library.AsyncClient(headers={"x-own": "3"}) as own_async:
            client = make(http_client=own, http_async_client=own_async)
            client.complete(REQUEST)
            await client.acomplete(REQUEST)
            await client.aclose()
            assert not own.is_closed
            assert not own_async.is_closed
    assert ["1", "3"] == [request.all("x-own")[0] for request in server.requests]
    assert [["own=2"], []] == [request.all("cookie") for request in server.requests]


@pytest.mark.parametrize("library", [httpx, httpx2])
async def test_a_cookie_that_a_response_sets_is_never_sent(server, make, library):
    server.play_always(whole(answer(), headers={"set-cookie": "session=alice; Path=/"}))
    with library.Client() as own:
        async with library.AsyncClient() as own_async:
            client = make(http_client=own, http_async_client=own_async)
            for _ in range(2):
                client.complete(REQUEST)
                await client.acomplete(REQUEST)
            await client.aclose()
    assert [[]] * 4 == [request.all("cookie") for request in server.requests]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"http_client": object()}, "got builtins.object"),
        ({"http_client": httpx.AsyncClient}, "got builtins.type"),
        ({"http_async_client": "x"}, "got builtins.str"),
        ({"http_client": threading.Lock}, "http_client takes"),
    ],
)
def test_what_is_no_client_is_refused_by_its_full_name(make, given, said):
    with pytest.raises(ConfigurationError, match=said):
        make(**given)


async def test_a_function_makes_a_client_for_each_loop(server, make):
    server.play_always(GOOD)
    made = []

    def new():
        made.append(httpx2.AsyncClient())
        return made[-1]

    client = make(http_async_client=new)
    await client.acomplete(REQUEST)
    await client.acomplete(REQUEST)
    await asyncio.to_thread(asyncio.run, client.acomplete(REQUEST))
    assert [False, True] == [each.is_closed for each in made]
    await client.aclose()
    assert made[0].is_closed


async def test_a_stall_that_is_left_is_closed(server, make):
    server.play_always(*stream(SO, FAR), Stall())
    client = make()
    chunks = client.stream(REQUEST)
    next(chunks)
    del chunks
    await closed(server, 0)
    async for _ in client.astream(REQUEST):
        break
    await closed(server, 1)
