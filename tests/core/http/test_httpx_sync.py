from __future__ import annotations

import threading
import weakref

import httpx
import httpx2
import pytest
from transport_parts import NO_WAIT, deadline, post
from wire_server import LAST_CHUNK, Hold, Reset, Stall, chunk, stream, whole

from grayswan_core.errors import APIConnectionError, ConfigurationError
from grayswan_core.http.httpx_sync import HttpxTransport
from grayswan_core.http.protocol import ProtocolError, WaitTimeoutError
from grayswan_core.limits import Limits

GOOD = whole(b"Hello")


@pytest.fixture
def new():
    """Makes transports, which are closed in the end."""
    made = []

    def make(given=None, **limits):
        made.append(HttpxTransport(given, Limits(**limits), None))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(params=[httpx, httpx2], ids=lambda library: library.__name__)
def library(request):
    return request.param


def read_whole(response):
    body = b"".join(iter(response.read, b""))
    response.close()
    return body


def status(transport, server, **timeout):
    response = transport.open(post(server.url), deadline(**timeout))
    response.close()
    return response.status


def test_a_response_is_read_and_its_connection_used_again(new, server):
    server.play(GOOD)
    server.play(*stream(b"a", b"b"), LAST_CHUNK)
    transport = new()
    first = transport.open(post(server.url), deadline())
    assert (200, "5") == (first.status, first.headers["content-length"])
    assert b"Hello" == read_whole(first)
    assert b"ab" == read_whole(transport.open(post(server.url), deadline()))
    assert 1 == len(server.connections)


def test_redirects_are_responses(new, server):
    server.play_always(whole(b"", 307, headers={"location": "/elsewhere"}))
    with httpx.Client(follow_redirects=True) as own:
        for transport in (new(), new(own)):
            assert 307 == status(transport, server)
    assert 2 == len(server.requests)


def test_a_callers_client_is_used_and_left_open(new, server, library):
    server.play_always(GOOD)
    with library.Client(headers={"x-own": "1"}) as own:
        transport = new(own)
        assert b"Hello" == read_whole(transport.open(post(server.url), deadline()))
        transport.close()
        assert not own.is_closed
    assert ["1"] == server.requests[0].all("x-own")
    with pytest.raises(ConfigurationError, match="has been closed"):
        transport.open(post(server.url), deadline())


def test_what_is_no_client_is_refused(new):
    with pytest.raises(ConfigurationError, match="http_client takes"):
        new(httpx.Client)


def test_a_body_that_a_hook_has_read_is_handed_out(new, server, library):
    server.play(GOOD)
    with library.Client(event_hooks={"response": [lambda response: response.read()]}) as own:
        assert b"Hello" == read_whole(new(own).open(post(server.url), deadline()))


def test_closing_waits_for_the_last_call(new, server):
    go_on = threading.Event()
    server.play(*stream(b"a"), Hold(go_on), chunk(b"b"), LAST_CHUNK)
    server.play(GOOD)
    transport = new()
    response = transport.open(post(server.url), deadline())
    transport.close()
    go_on.set()
    assert b"ab" == read_whole(response)
    server.wait_for_close()
    assert 200 == status(transport, server)  # it begins anew


def test_a_dropped_transport_is_closed(server):
    server.play(GOOD)
    transport = HttpxTransport(None, Limits(), None)
    read_whole(transport.open(post(server.url), deadline()))
    is_there = weakref.ref(transport)
    del transport
    assert is_there() is None
    server.wait_for_close()


@pytest.mark.parametrize("steps", [(Reset(),), (b"garbage\r\n\r\n",)])
def test_a_failure_costs_no_place(new, server, steps):
    transport = new(max_connections=1)
    for _ in range(2):
        server.play(*steps)
        with pytest.raises(ProtocolError):
            transport.open(post(server.url), deadline())
    server.play(GOOD)
    assert 200 == status(transport, server, pool=NO_WAIT)


def test_waits_are_named(new, server):
    server.play(Stall())
    server.play(*stream(b"a"), Stall())
    transport = new(max_connections=1)
    with pytest.raises(WaitTimeoutError, match="read"):
        transport.open(post(server.url), deadline(read=NO_WAIT))
    server.wait_for_requests(1)  # else the second could get the first one's steps
    late = deadline(read=60, between_chunks=NO_WAIT)
    response = transport.open(post(server.url), late)
    with pytest.raises(WaitTimeoutError, match="pool"):
        transport.open(post(server.url), deadline(pool=NO_WAIT))
    late.expect_chunk()  # the wait for the body is another than for the head
    with pytest.raises(WaitTimeoutError, match="read"):
        read_whole(response)
    response.close()


def test_a_body_that_is_cut_is_no_response(new, server):
    server.play(*stream(b"a"), Reset())
    response = new().open(post(server.url), deadline())
    with pytest.raises(ProtocolError):
        read_whole(response)
    response.close()


def test_a_forked_child_closes_its_copies_and_begins_anew(new, server):
    server.play_always(GOOD)
    transport = new()
    response = transport.open(post(server.url), deadline())
    transport.start_afresh()
    server.wait_for_close()
    assert b"Hello" == read_whole(transport.open(post(server.url), deadline()))
    assert [0, 1] == [request.connection for request in server.requests]
    response.close()


class Body(httpx.SyncByteStream):
    def __iter__(self):
        raise KeyboardInterrupt
        yield


def test_an_interruption_shows_no_frames_that_hold_the_key(new):
    def interrupt(request):
        raise KeyboardInterrupt

    with (
        httpx.Client(transport=httpx.MockTransport(interrupt)) as own,
        pytest.raises(KeyboardInterrupt) as caught,
    ):
        new(own).open(post(), deadline())
    assert not [each for each in caught.traceback if "httpx" in each.path.parts]
    answering = httpx.MockTransport(lambda request: httpx.Response(200, stream=Body()))
    with httpx.Client(transport=answering) as own:
        response = new(own).open(post(), deadline())
        with pytest.raises(KeyboardInterrupt) as caught:
            response.read()
        response.close()
    assert not [each for each in caught.traceback if "httpx" in each.path.parts]


def test_a_client_that_is_closed_while_a_response_is_read(new, server):
    server.play(*stream(b"a"), Stall())
    own = httpx.Client()
    response = new(own).open(post(server.url), deadline())
    assert b"a" == response.read()
    own.close()
    with pytest.raises((ProtocolError, APIConnectionError, OSError)):
        response.read()
    response.close()
