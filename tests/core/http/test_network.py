from __future__ import annotations

import asyncio
import gc
import socket
import threading

import httpx
import pytest
from wire_server import Drip, Stall, whole

from grayswan_core.http.deadline import Deadline
from grayswan_core.http.network import answers_nothing, keep_deadlines, keeps_deadlines
from grayswan_core.limits import Timeout


@pytest.fixture
def client():
    with httpx.Client() as made:
        yield made


def waits(**timeout):
    return {"timeout": Deadline(Timeout(**timeout)).waits()}


def test_a_client_of_ours_keeps_deadlines_and_another_does_not(server, client):
    server.play_always(whole("{}"))
    assert not keeps_deadlines(client.post(server.url))
    with httpx.Client() as ours:
        keep_deadlines(ours)
        response = ours.post(server.url)
        assert keeps_deadlines(response)
        assert not answers_nothing(response)


def test_proxies_from_the_environment_keep_them_too(server, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", server.url)
    server.play_always(whole("{}"))
    with httpx.Client() as ours:
        keep_deadlines(ours)
        assert keeps_deadlines(ours.post("http://service.example"))


@pytest.mark.parametrize(
    "steps",
    [
        (Stall(),),
        (Drip(b"HTTP/1.1 100 Continue\r\n\r\n", 0.001),),
        (b"HTTP/1.1 200 OK\r\nx: ", Drip(b"x", 0.001)),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;", Drip(b"x", 0.001)),
    ],
)
async def test_a_deadline_holds_beneath_http(server, client, steps):
    server.play_always(*steps)
    keep_deadlines(client)
    with pytest.raises(httpx.ReadTimeout):
        client.post(server.url, extensions=waits(total=0.2))
    async with httpx.AsyncClient() as asynchronous:
        keep_deadlines(asynchronous)
        with pytest.raises(httpx.ReadTimeout):
            await asynchronous.post(server.url, extensions=waits(total=0.2))


@pytest.mark.parametrize("seconds", [None, 5.0])
async def test_plain_timeouts_stay_what_they_are(server, client, seconds):
    server.play_always(whole("{}"))
    keep_deadlines(client)
    assert 200 == client.post(server.url, timeout=seconds, content=bytes(200_000)).status_code
    async with httpx.AsyncClient(timeout=seconds) as asynchronous:
        keep_deadlines(asynchronous)
        response = await asynchronous.post(server.url, content=bytes(200_000))
    assert 200 == response.status_code
    assert [200_000] * 2 == [len(request.body) for request in server.requests]


async def test_an_answer_before_its_request_is_told(server, client):
    server.play_always(whole("{}") + whole("{}"))
    keep_deadlines(client)
    assert [False, True] == [answers_nothing(client.post(server.url)) for _ in range(2)]
    async with httpx.AsyncClient() as asynchronous:
        keep_deadlines(asynchronous)
        told = [answers_nothing(await asynchronous.post(server.url)) for _ in range(2)]
    assert [False, True] == told


def test_sockets_can_be_closed_without_the_pool(server, client):
    server.play_always(whole("{}"))
    sockets = keep_deadlines(client)
    client.post(server.url)
    sockets.close()
    sockets.close()
    server.wait_for_close()


def test_a_stream_that_the_collector_drops_inside_the_pool_does_not_wait_for_itself(server, client):
    server.play_always(whole("{}"))
    keep_deadlines(client)
    request = client.build_request("POST", server.url)

    def drop_inside():
        response = client.send(request, stream=True)
        with client._transport._pool._optional_thread_lock:
            response.close()

    thread = threading.Thread(target=drop_inside, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()


def test_a_transport_of_another_kind_is_left_alone():
    transport = httpx.MockTransport(lambda request: httpx.Response(200))
    with httpx.Client(transport=transport) as client:
        keep_deadlines(client)
        response = client.post("http://service.example")
        assert (False, False) == (keeps_deadlines(response), answers_nothing(response))


def test_nothing_keeps_a_closed_socket(server):
    server.play_always(whole("{}"))
    with httpx.Client() as client:
        sockets = keep_deadlines(client)
        client.post(server.url)
        assert 1 == len(sockets._streams)
    del client
    gc.collect()
    assert 0 == len(sockets._streams)


def test_pauses_go_through(client):
    keep_deadlines(client)
    client._transport._pool._network_backend.sleep(0)
    asynchronous = httpx.AsyncClient()
    keep_deadlines(asynchronous)
    asyncio.run(asynchronous._transport._pool._network_backend.sleep(0))


async def test_an_idle_connection_is_readable_once_the_other_side_has_closed(server):
    server.play_always(whole("{}"))
    async with httpx.AsyncClient() as client:
        keep_deadlines(client)
        async with client.stream("POST", server.url) as response:
            await response.aread()
        stream = response.extensions["network_stream"]
        assert not stream.get_extra_info("is_readable")
        connection = stream.get_extra_info("socket")
        connection.shutdown(socket.SHUT_RD)
        assert stream.get_extra_info("is_readable")
    assert stream.get_extra_info("is_readable")  # closed here


async def test_without_poll_the_way_of_httpcore_is_taken(server, monkeypatch):
    monkeypatch.setattr("grayswan_core.http.network._CAN_POLL", False)
    server.play_always(whole("{}"))
    async with httpx.AsyncClient() as client:
        keep_deadlines(client)
        for _ in range(2):
            assert httpx.codes.OK == (await client.post(server.url)).status_code
