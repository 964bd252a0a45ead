from __future__ import annotations

import asyncio
import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from client_calls import REQUEST, answer, event
from transport_parts import deadline, post
from wire_server import Stall, stream, whole

from grayswan_core import ClientConfig, CygnetClient
from grayswan_core.errors import APIStatusError, ConfigurationError
from grayswan_core.http.direct.transport import AsyncDirectTransport, DirectTransport
from grayswan_core.http.httpx_async import AsyncHttpxTransport
from grayswan_core.http.httpx_sync import HttpxTransport
from grayswan_core.http.transports import Transports

DIRECT = (DirectTransport, AsyncDirectTransport)
HTTPX = (HttpxTransport, AsyncHttpxTransport)


def kinds(transports):
    return type(transports._sync), type(transports._async)


@pytest.mark.parametrize(
    ("name", "proxy", "expected"),
    [
        ("auto", False, DIRECT),
        ("auto", True, HTTPX),
        ("direct", False, DIRECT),
        ("direct", True, DIRECT),
        ("httpx", False, HTTPX),
        ("httpx", True, HTTPX),
    ],
)
def test_the_name_and_the_proxy_choose(name, proxy, expected, monkeypatch):
    if proxy:
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert expected == kinds(Transports("https://h.example", name=name))


@pytest.mark.parametrize("name", ["auto", "direct"])
async def test_a_callers_client_is_for_calls_of_its_kind_alone(name):
    with httpx.Client() as own:
        made = Transports("http://h.example", name=name, http_client=own)
        assert (HttpxTransport, AsyncDirectTransport) == kinds(made)
    async with httpx.AsyncClient() as own:
        for given in (own, httpx.AsyncClient):
            made = Transports("http://h.example", name=name, http_async_client=given)
            assert (DirectTransport, AsyncHttpxTransport) == kinds(made)


@pytest.mark.parametrize("name", ["aiohttp", "", None, "Direct"])
def test_another_name_is_an_error_that_lists_the_names(name):
    with pytest.raises(ConfigurationError, match=f"'auto', 'direct' or 'httpx', not {name!r}"):
        Transports("http://h.example", name=name)


@pytest.mark.parametrize("name", ["auto", "httpx"])
def test_a_proxy_that_cannot_be_used_is_an_error_where_it_would_be(name, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "nonsense://proxy.example")
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY"):
        Transports("https://h.example", name=name)
    Transports("https://h.example", name="direct").close()


@pytest.mark.parametrize("name", ["direct", "httpx"])
async def test_both_transports_carry_requests_and_are_closed(name, server):
    server.play_always(whole(b"Hello"))
    transports = Transports(server.url, name=name)
    response = transports.open(post(server.url), deadline())
    assert (200, b"Hello") == (response.status, response.read())
    assert b"" == response.read()
    response.close()
    aresponse = await transports.aopen(post(server.url), deadline())
    assert (200, b"Hello") == (aresponse.status, await aresponse.aread())
    assert b"" == await aresponse.aread()
    await aresponse.aclose()
    await transports.aclose()
    for number in range(2):
        server.wait_for_close(number)


@pytest.mark.parametrize("name", ["direct", "httpx"])
def test_async_calls_without_a_loop_of_asyncio_are_refused(name):
    opening = Transports("http://h.example", name=name).aopen(post(), deadline())
    with pytest.raises(ConfigurationError, match="running event loop of asyncio"):
        opening.send(None)


def test_a_proxy_gets_what_is_for_its_addresses(server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", server.url)
    server.play(whole(b"Hello"))
    transports = Transports("http://h.example")
    transports.open(post("http://h.example/v1"), deadline()).close()
    transports.close()
    assert "http://h.example/v1" == server.requests[0].target


# --- loops, threads, processes


def test_a_client_outlives_any_number_of_event_loops(server, client):
    server.play_always(whole(answer()))
    for _ in range(5):
        response = asyncio.run(client.acomplete(REQUEST))
        assert "Hi there." == response.choices[0].message.content
    assert 5 == len(server.connections)


def test_event_loops_in_several_threads_do_not_meet(server, client):
    server.play_always(whole(answer()))

    def ask(_):
        async def twice():
            return [await client.acomplete(REQUEST) for _ in range(2)]

        return len(asyncio.run(twice()))

    with ThreadPoolExecutor(8) as pool:
        assert [2] * 8 == list(pool.map(ask, range(8)))
    assert 8 == len(server.connections)


def test_many_threads_may_ask_at_once(server, client):
    server.play_always(whole(answer()))
    with ThreadPoolExecutor(32) as pool:
        responses = list(pool.map(lambda _: client.complete(REQUEST), range(64)))
    assert {"Hi there."} == {response.choices[0].message.content for response in responses}
    assert len(server.connections) <= 32


async def test_many_tasks_may_ask_at_once(server, client):
    server.play_always(whole(answer()))
    responses = await asyncio.gather(*(client.acomplete(REQUEST) for _ in range(64)))
    assert 64 == len(responses)
    await client.aclose()


def _ask_from_a_child(client, connection):
    responses = [client.complete(REQUEST), asyncio.run(client.acomplete(REQUEST))]
    connection.send([response.choices[0].message.content for response in responses])


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="the system has no fork"
)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_opens_connections_of_its_own(server, client):
    server.play_always(whole(answer()))
    client.complete(REQUEST)
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=_ask_from_a_child, args=(client, theirs))
    child.start()
    theirs.close()
    assert ["Hi there."] * 2 == ours.recv()
    child.join()
    ours.close()
    child.close()
    client.complete(REQUEST)
    assert [0, 1, 2, 0] == [request.connection for request in server.requests]


def test_a_client_may_be_used_after_it_was_closed(server, client):
    server.play_always(whole(answer()))
    with client as entered:
        assert entered is client
        client.complete(REQUEST)
    server.wait_for_close(0)
    client.complete(REQUEST)
    client.close()
    client.close()
    assert 2 == len(server.connections)


async def test_leaving_an_async_client_closes_its_connections(server, client):
    server.play_always(whole(answer()))
    async with client as entered:
        assert entered is client
        await client.acomplete(REQUEST)
        await asyncio.to_thread(client.complete, REQUEST)
    await asyncio.to_thread(server.wait_for_close, 0)
    await asyncio.to_thread(server.wait_for_close, 1)
    await client.acomplete(REQUEST)
    await client.aclose()
    await client.aclose()


async def test_closing_from_outside_closes_the_connections_of_a_loop(server, client):
    server.play_always(whole(answer()))
    await client.acomplete(REQUEST)
    await asyncio.to_thread(client.close)
    await asyncio.to_thread(server.wait_for_close, 0)


LEFT = {
    "sync, dropped": "CygnetClient(config).complete(request)",
    "sync": """
client = CygnetClient(config)
client.complete(request)
""",
    "async, dropped": "asyncio.run(CygnetClient(config).acomplete(request))",
    "async": """
client = CygnetClient(config)
asyncio.run(client.acomplete(request))
""",
    "async, several loops": """
client = CygnetClient(config)
for _ in range(3):
    asyncio.run(client.acomplete(request))
""",
    "async, dropped in its loop": """
async def main():
    await CygnetClient(config).acomplete(request)
    gc.collect()
    await asyncio.sleep(0)
asyncio.run(main())
""",
    "both, closed between": """
client = CygnetClient(config)
asyncio.run(client.acomplete(request))
client.close()
client.complete(request)
""",
    "a fork": """
client = CygnetClient(config)
client.complete(request)
asyncio.run(client.acomplete(request))
child = os.fork()
client.complete(request)
asyncio.run(client.acomplete(request))
if child:
    assert os.waitpid(child, 0)[1] == 0
""",
    "a fork in a loop": """
client = CygnetClient(config)
async def main():
    await client.acomplete(request)
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
    else:
        client.complete(request)
asyncio.run(main())
""",
}

LEFT_STREAMS = {
    "sync, held": """
chunks = CygnetClient(config).stream(request)
next(chunks)
""",
    "sync, dropped": """
for _ in CygnetClient(config).stream(request):
    break
""",
    "sync, its client closed": """
client = CygnetClient(config)
chunks = client.stream(request)
next(chunks)
client.close()
""",
    "async, held": """
client = CygnetClient(config)
async def main():
    global chunks
    chunks = client.astream(request)
    await anext(chunks)
asyncio.run(main())
""",
    "async, dropped": """
client = CygnetClient(config)
async def main():
    async for _ in client.astream(request):
        break
asyncio.run(main())
""",
    "async, dropped with its client": """
async def main():
    async for _ in CygnetClient(config).astream(request):
        break
asyncio.run(main())
""",
    "async, dropped before its loop ends": """
async def main():
    async for _ in CygnetClient(config).astream(request):
        break
    await asyncio.sleep(0)
asyncio.run(main())
""",
    "async, in a task that is left": """
client = CygnetClient(config)
async def consume():
    async for _ in client.astream(request):
        pass
async def main():
    task = asyncio.create_task(consume())
    await asyncio.sleep(0.01)
asyncio.run(main())
""",
}


@pytest.mark.parametrize("program", LEFT.values(), ids=LEFT)
def test_a_client_that_is_left_leaves_no_warning(server, run_strictly, program):
    server.play_always(whole(answer()))
    run_strictly(program)


@pytest.mark.parametrize("program", LEFT_STREAMS.values(), ids=LEFT_STREAMS)
def test_a_stream_that_is_left_leaves_no_warning(server, run_strictly, program):
    server.play_always(*stream(event("a")), Stall())
    run_strictly(program)


# --- httpx clients passed in


async def test_an_httpx_client_passed_in_says_itself_who_sends(server, key):
    server.play_always(whole(answer()))
    config = ClientConfig.resolve(api_key=key, base_url=server.url)
    named = {"user-agent": "swans/2"}
    with httpx.Client(headers=named) as passed:
        CygnetClient(config, http_client=passed).complete(REQUEST)
    async with httpx.AsyncClient(headers=named) as passed:
        await CygnetClient(config, http_async_client=passed).acomplete(REQUEST)
    assert [["swans/2"]] * 2 == [request.all("user-agent") for request in server.requests]


async def test_an_httpx_client_passed_in_is_used_and_left_open(server, key):
    config = ClientConfig.resolve(api_key=key, base_url=server.url)
    server.play_always(whole(answer()))
    with httpx.Client(headers={"x-own": "1"}) as own:
        async with httpx.AsyncClient(headers={"x-own": "2"}) as own_async:
            client = CygnetClient(config, http_client=own, http_async_client=own_async)
            client.complete(REQUEST)
            await client.acomplete(REQUEST)
            await client.aclose()
            assert (False, False) == (own.is_closed, own_async.is_closed)
    assert [["1"], ["2"]] == [request.all("x-own") for request in server.requests]
    assert [[f"Bearer {key}"]] * 2 == [request.all("authorization") for request in server.requests]


async def test_an_httpx_client_passed_in_does_not_follow_redirects_either(server, key):
    config = ClientConfig.resolve(api_key=key, base_url=server.url)
    server.play_always(whole("", 307, headers={"location": f"{server.url}/elsewhere"}))
    with httpx.Client(follow_redirects=True) as own:
        async with httpx.AsyncClient(follow_redirects=True) as own_async:
            client = CygnetClient(config, http_client=own, http_async_client=own_async)
            with pytest.raises(APIStatusError, match="307"):
                client.complete(REQUEST)
            with pytest.raises(APIStatusError, match="307"):
                await client.acomplete(REQUEST)
    assert 2 == len(server.requests)


async def test_an_httpx_client_passed_in_and_closed_is_an_error_at_once(server, key, sleeps):
    config = ClientConfig.resolve(api_key=key, base_url=server.url)
    own, own_async = httpx.Client(), httpx.AsyncClient()
    own.close()  # noqa: ASYNC212 - it never opened a connection
    await own_async.aclose()
    client = CygnetClient(config, http_client=own, http_async_client=own_async)
    with pytest.raises(ConfigurationError, match="has been closed"):
        client.complete(REQUEST)
    with pytest.raises(ConfigurationError, match="has been closed"):
        await client.acomplete(REQUEST)
    assert [] == sleeps
