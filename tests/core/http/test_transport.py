from __future__ import annotations

import httpx
import pytest

from grayswan_core.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    ConfigurationError,
    ResponseError,
)
from grayswan_core.http import transport
from grayswan_core.http.deadline import Deadline
from grayswan_core.limits import Timeout

KEY = "gs-key-that-nobody-may-see"
REQUEST = httpx.Request("POST", "https://h.example")
SIZE = 65536


def request_with_key():
    return httpx.Request("POST", "https://h.example", headers={"authorization": f"Bearer {KEY}"})


# --- sending


def test_a_client_closed_while_a_request_is_on_its_way_to_it_is_a_connection_error():
    client = httpx.Client()
    client.close()
    with pytest.raises(APIConnectionError, match="was closed") as caught:
        transport.send(client, REQUEST)
    assert caught.value.is_retryable


def test_another_runtime_error_stays_what_it_is():
    def fail(request):
        raise RuntimeError("something else")

    with (
        httpx.Client(transport=httpx.MockTransport(fail)) as client,
        pytest.raises(RuntimeError, match="something else"),
    ):
        transport.send(client, REQUEST)


# --- errors


@pytest.mark.parametrize(
    ("theirs", "ours", "words"),
    [
        (httpx.ConnectError("refused"), APIConnectionError, "cannot be reached: refused"),
        (httpx.ConnectTimeout("x"), APITimeoutError, "timeout `connect`"),
        (httpx.ReadTimeout("x"), APITimeoutError, "timeout `read`"),
        (httpx.WriteTimeout("x"), APITimeoutError, "timeout `write`"),
        (httpx.PoolTimeout("x"), APITimeoutError, "timeout `pool`"),
        (httpx.TimeoutException("of a new kind"), APITimeoutError, "of a new kind"),
        (httpx.ReadError("reset"), APIConnectionError, "broke before the answer ended: reset"),
        (httpx.ReadError(""), APIConnectionError, "broke before the answer ended: ReadError"),
        (httpx.RemoteProtocolError("bad"), APIConnectionError, "bad"),
        (httpx.LocalProtocolError("bad"), APIConnectionError, "bad"),
        (httpx.ProxyError("bad"), APIConnectionError, "bad"),
        (httpx.DecodingError("bad"), ResponseError, "cannot be decoded: bad"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_of_httpxs_errors_comes_out_as_ours_and_without_the_key(theirs, ours, words, said_by):
    theirs.request = request_with_key()
    with pytest.raises(APIError) as caught, transport.Translated(Deadline(Timeout())):
        raise theirs
    assert ours is type(caught.value)
    assert words in caught.value.message
    assert theirs is caught.value.__cause__
    assert KEY not in said_by(caught.value)
    with pytest.raises(RuntimeError):
        _ = theirs.request


def test_what_would_have_leaked_is_found_by_this_very_check(said_by):
    error = httpx.ReadError("reset", request=request_with_key())
    assert KEY in said_by(error)


def test_every_error_of_httpx_is_one_of_ours():
    def kinds(kind):
        yield kind
        for each in kind.__subclasses__():
            yield from kinds(each)

    for kind in kinds(httpx.TransportError):
        with pytest.raises(APIError), transport.Translated(Deadline(Timeout())):
            raise kind("x")


def test_an_address_httpx_cannot_use_is_a_matter_of_configuration():
    with (
        pytest.raises(ConfigurationError, match="base URL"),
        transport.Translated(Deadline(Timeout())),
    ):
        httpx.URL("https://xn--é")


def test_other_errors_pass_through():
    with pytest.raises(KeyError), transport.Translated(Deadline(Timeout())):
        raise KeyError("x")


# --- bodies


def refusal(content):
    return httpx.Response(500, content=content, request=REQUEST)


@pytest.mark.parametrize("length", [0, 10, 65536, 1_000_000])
async def test_of_an_errors_body_the_start_is_read(length):
    pieces = [b"x" * 1000] * (length // 1000) + [b"x" * (length % 1000)]

    async def apieces():
        for piece in pieces:
            yield piece

    whole = transport.read_head(refusal(iter(pieces)), SIZE, Deadline(Timeout()))
    assert whole == await transport.aread_head(refusal(apieces()), SIZE, Deadline(Timeout()))
    assert min(length, SIZE) == len(whole)


async def test_an_errors_body_that_breaks_off_is_read_to_there():
    def pieces():
        yield b"over"
        raise httpx.ReadError("reset")

    async def apieces():
        yield b"over"
        raise httpx.ReadError("reset")

    assert b"over" == transport.read_head(refusal(pieces()), SIZE, Deadline(Timeout()))
    assert b"over" == await transport.aread_head(refusal(apieces()), SIZE, Deadline(Timeout()))


def test_a_head_may_take_longer_than_a_chunk_in_a_callers_client_too():
    read_waits = []

    class Server(httpx.BaseTransport):
        def handle_request(self, request):
            self.request = request
            read_waits.append(request.extensions["timeout"]["read"])
            return httpx.Response(200, content=self.body())

        def body(self):
            read_waits.append(self.request.extensions["timeout"]["read"])
            yield b"x"

    deadline = Deadline(Timeout(read=60, between_chunks=10, total=None), clock=lambda: 0.0)
    with httpx.Client(transport=Server()) as client:
        request = transport.new_request(client, "https://h.example", {}, b"", deadline.waits())
        response = transport.send(client, request)
        deadline.expect_chunk()
        assert [b"x"] == list(transport.pieces(response, deadline))
    assert [60, 10] == read_waits
