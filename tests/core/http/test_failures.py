from __future__ import annotations

import asyncio
import errno
import json
import logging
import socket
import ssl

import pytest
from client_calls import REQUEST, answer, event
from transport_parts import deadline
from wire_server import LAST_CHUNK, Close, Reset, Stall, stream, whole

from grayswan_core import ClientConfig, CygnetClient, Timeout
from grayswan_core.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    ConfigurationError,
    RateLimitError,
)
from grayswan_core.http.failures import Translated
from grayswan_core.http.protocol import (
    ConnectError,
    ProtocolError,
    TransportError,
    WaitTimeoutError,
)

AT = r"http://h\.example:8000"


def translated(error):
    """What an error of a transport becomes."""
    with (
        pytest.raises(type(error) if isinstance(error, APIError) else APIError) as caught,
        Translated("http://h.example:8000/v1", deadline()),
    ):
        raise error
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError("x"),
        RateLimitError("x"),
        KeyboardInterrupt(),
        asyncio.CancelledError(),
        GeneratorExit(),
    ],
    ids=repr,
)
def test_ours_and_what_ends_more_than_a_call_pass_as_they_are(error):
    with pytest.raises(type(error)) as caught, Translated("http://h.example", deadline()):
        raise error
    assert caught.value is error
    assert error.__traceback__ is not None


def test_nothing_happens_where_nothing_fails():
    with Translated("http://h.example", deadline()):
        pass


@pytest.mark.parametrize("wait", ["connect", "read", "write", "pool"])
def test_a_timeout_is_named_with_the_address(wait):
    error = translated(WaitTimeoutError(wait))
    assert isinstance(error, APITimeoutError)
    assert f"`{wait}`" in error.message
    assert error.message.endswith(": http://h.example:8000.")


def test_a_timeout_of_the_whole_call_is_named_as_that():
    late = deadline(total=1)
    late._end = late.clock()
    with pytest.raises(APITimeoutError, match="`total`"), Translated("http://h.example", late):
        raise WaitTimeoutError("read")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (OSError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 1)"), "Connection refused"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not"),
        (OSError("its host name has no address"), "its host name has no address"),
        (ssl.SSLError(1, "[SSL] wrong version number."), r"\[SSL\] wrong version number"),
        (OSError(), "OSError"),
    ],
    ids=repr,
)
def test_no_connection_is_an_error_with_address_and_reason(reason, words):
    error = translated(ConnectError(reason))
    assert isinstance(error, APIConnectionError)
    assert error.is_retryable
    with pytest.raises(APIConnectionError, match=rf"^{AT} cannot be reached: {words}[^.]*\.$"):
        raise error


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_where_nothing_listens_on_this_machine_it_says_what_to_start(host):
    refused = ConnectError(OSError(errno.ECONNREFUSED, "Connect call failed"))
    with (
        pytest.raises(APIConnectionError, match=r"refused\. Is a server .* grayswan-devserver"),
        Translated(f"http://{host}:8000/v1", deadline()),
    ):
        raise refused


def test_a_certificate_that_is_not_trusted_says_what_to_set_and_is_final():
    reason = ssl.SSLCertVerificationError(1, "certificate verify failed")
    reason.verify_message = "self-signed certificate"
    for error in (ConnectError(reason), reason):
        ours = translated(error)
        assert "self-signed certificate. " in ours.message
        assert "SSL_CERT_FILE" in ours.message
        assert not ours.is_retryable


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionResetError(errno.ECONNRESET, "reset, in other words"), "Connection reset by"),
        (ProtocolError("no HTTP/1.1 response"), "no HTTP/1.1 response"),
        (TransportError("it broke."), "it broke"),
        (TransportError(), "TransportError"),
    ],
    ids=repr,
)
def test_a_connection_that_broke_is_an_error_with_address_and_reason(error, reason):
    ours = translated(error)
    assert isinstance(ours, APIConnectionError)
    assert f"http://h.example:8000 broke before the response ended: {reason}" in ours.message


def test_anything_else_asks_to_be_reported():
    error = translated(LookupError("odd"))
    assert type(error) is APIError
    assert "please report it: LookupError: odd" in error.message
    assert not error.is_retryable


def test_no_error_behind_ours_keeps_frames():
    """Not the cause, nor what it was caused by, was raised beside, or gathers."""

    def raised(error):
        try:
            raise error
        except type(error) as same:
            return same

    cause, context, inner = (raised(ValueError(name)) for name in ("cause", "context", "inner"))
    original = raised(ConnectError(OSError("x")))
    original.__context__, original.__cause__ = context, cause
    cause.exceptions = (inner,)  # as an ExceptionGroup, which Python 3.10 lacks, has them
    inner.__cause__ = original  # a circle
    error = translated(original)
    assert error.__cause__ is original
    for each in (original, cause, context, inner):
        assert each.__traceback__ is None


# --- secrets


@pytest.mark.parametrize(
    "steps",
    [
        (whole("no", 401),),
        (whole('{"detail": "no"}', 422),),
        (whole("<html>", content_type="text/html"),),
        (whole("{"),),
        (Reset(),),
        (Close(),),
        (Stall(),),
        (b"nonsense\r\n\r\n", Close()),
        (whole(b"not gzip", headers={"content-encoding": "gzip"}),),
        (*stream(event("a")), Reset()),
        (*stream(event("a")), Close()),
        (*stream(event("a")), Stall()),
        (*stream(event("a")), LAST_CHUNK),
        (*stream(b"data: nonsense\n\n"), LAST_CHUNK),
    ],
    ids=[
        *("401", "422", "html", "bad-json", "reset", "close", "stall", "no-http", "gzip"),
        *("stream-reset", "stream-close", "stream-stall", "stream-cut", "stream-nonsense"),
    ],
)
async def test_no_error_holds_the_key(server, half, new_client, key, said_by, steps):
    secret = "another-secret"
    timeout = Timeout(read=0.05)
    calls = half(new_client(max_retries=0, timeout=timeout, headers={"x-gateway": secret}))
    server.play_always(*steps)
    _, from_stream = await calls.stream()
    with pytest.raises(APIError) as caught:
        await calls.complete()
    for error in (from_stream, caught.value):
        said = said_by(error)
        assert error.message in said
        assert key not in said
        assert secret not in said


async def test_the_key_is_hidden_where_the_service_echoes_it(
    server, half, new_client, key, said_by
):
    calls = half(new_client(max_retries=0))
    echo = json.dumps({"error": {"message": f"bad key {key}", "headers": [f"Bearer {key}"]}})
    error_event = f"data: {echo}\n\n".encode()
    named_event = b"event: error\n" + error_event
    for status in (401, 200):
        server.play(whole(echo, status))
        with pytest.raises(APIError, match=r"bad key \*\*\*") as caught:
            await calls.complete()
        assert key not in said_by(caught.value)
    for body in (f"<html>{key}</html>", f'{{"choices": "{key}"}}'):
        server.play(whole(body))
        with pytest.raises(APIError, match=r"\*\*\*") as caught:
            await calls.complete()
        assert key not in said_by(caught.value)
    for broken in (error_event, named_event, f"data: {key}\n\n".encode()):
        server.play(*stream(event("a"), broken), LAST_CHUNK)
        _, error = await calls.stream()
        assert "***" in error.message
        assert key not in said_by(error)


def test_a_stand_in_for_a_key_does_not_blot_out_the_words(server):
    config = ClientConfig.resolve(api_key="e", base_url=server.url)
    server.play(whole('{"detail": "Not there"}', 404))
    with CygnetClient(config) as client, pytest.raises(APIError, match="Not there") as caught:
        client.complete(REQUEST)
    assert f"{server.url}/chat/completion" in caught.value.message


async def test_nothing_secret_is_logged(server, half, client, key, caplog):
    caplog.set_level(logging.DEBUG)
    server.play(whole(answer("the answer")))
    await half(client).complete()
    assert key not in caplog.text
    assert "Hello" not in caplog.text
    assert "the answer" not in caplog.text
