from __future__ import annotations

import asyncio
import os
import ssl

import httpx
import httpx2
import pytest
from transport_parts import KEY, deadline, post

from grayswan_core._package import user_agent
from grayswan_core.errors import APIConnectionError, ConfigurationError, GraySwanError
from grayswan_core.http.httpx_client import (
    Head,
    HttpxClient,
    client_options,
    library_of,
    translating,
)
from grayswan_core.http.protocol import (
    ConnectError,
    ProtocolError,
    TransportError,
    WaitTimeoutError,
)
from grayswan_core.http.proxies import Proxy
from grayswan_core.limits import Limits

LIBRARIES = [httpx, httpx2]


@pytest.fixture(params=LIBRARIES, ids=lambda library: library.__name__)
def library(request):
    return request.param


@pytest.fixture
def client(library):
    with library.Client() as made:
        yield HttpxClient(made, "Client", is_own=False)


def translated(error, client, proxy=None):
    with pytest.raises(Exception) as caught, translating(client, proxy):  # noqa: PT011 - any
        raise error
    return caught.value


def errors_of(library):
    """One of every kind of error that a library's requests can end with."""

    def kinds(kind):
        # Other packages derive errors from them, with arguments of their own.
        own = [
            each for each in kind.__subclasses__() if each.__module__.startswith(library.__name__)
        ]
        return {kind}.union(*map(kinds, own))

    response = library.Response(500, request=library.Request("POST", "http://h.example"))
    for kind in sorted(kinds(library.HTTPError) | kinds(library.StreamError), key=str):
        if issubclass(kind, library.HTTPStatusError):
            yield kind("words", request=response.request, response=response)
        else:
            try:
                yield kind("words")
            except TypeError:  # its words are its own
                yield kind()
    yield library.InvalidURL("words")


# --- which clients


async def test_the_library_of_a_client_is_found(library):
    with library.Client() as sync:
        assert library is library_of(sync, "Client")
        with pytest.raises(ConfigurationError, match="http_async_client takes"):
            library_of(sync, "AsyncClient")
    async with library.AsyncClient() as made:
        assert library is library_of(made, "AsyncClient")
        with pytest.raises(ConfigurationError, match="http_client takes"):
            library_of(made, "Client")


def test_what_is_no_client_is_named():
    with pytest.raises(
        ConfigurationError, match=r"or a function that makes one, and got builtins.str"
    ):
        library_of("x", "AsyncClient")


def test_a_client_that_was_closed_is_refused(library):
    made = library.Client()
    client = HttpxClient(made, "Client", is_own=False)
    client.check()
    made.close()
    with pytest.raises(ConfigurationError, match="has been closed"):
        client.check()


def test_a_client_that_was_used_before_a_fork_is_refused(client, monkeypatch):
    monkeypatch.setattr(os, "getpid", lambda: 1)
    client.check()  # it is this process's from now on
    monkeypatch.setattr(os, "getpid", lambda: 2)
    with pytest.raises(ConfigurationError, match="forked"):
        client.check()


# --- requests


def test_a_request_has_what_was_given_and_the_waits_of_the_call(client):
    made = client.request(post(accept="x"), deadline(connect=1, read=2, write=3, pool=4))
    assert ("POST", "http://h.example/v1", b"{}") == (made.method, str(made.url), made.content)
    assert f"Bearer {KEY}" == made.headers["authorization"]
    waits = {"connect": 1, "read": 2, "write": 3, "pool": 4}
    assert waits == made.extensions["timeout"]


def test_a_client_of_our_own_says_who_sends():
    with httpx.Client() as made:
        request = HttpxClient(made, "Client", is_own=True).request(post(), deadline())
        assert user_agent() == request.headers["user-agent"]
        request = HttpxClient(made, "Client", is_own=False).request(post(), deadline())
        assert user_agent() != request.headers["user-agent"]


def test_cookies_are_those_the_caller_set_and_none_that_a_response_did(library):
    with library.Client(cookies={"own": "1"}) as made:
        client = HttpxClient(made, "Client", is_own=False)
        made.cookies.set("theirs", "2")
        assert "own=1" == client.request(post(), deadline()).headers["cookie"]
    with httpx.Client(cookies={"own": "1"}) as made:
        request = HttpxClient(made, "Client", is_own=True).request(post(), deadline())
        assert "cookie" not in request.headers


def test_a_client_of_our_own_follows_adds_and_looks_up_nothing():
    limits = Limits(max_connections=3, idle_seconds=7)
    options = client_options("http://h.example", limits, None)
    assert (False, None, False, False) == tuple(
        options[name] for name in ("verify", "proxy", "trust_env", "follow_redirects")
    )
    pool = options["limits"]
    numbers = (pool.max_connections, pool.max_keepalive_connections, pool.keepalive_expiry)
    assert (3, 3, 7) == numbers


@pytest.mark.parametrize(
    ("url", "proxy"),
    [("https://h.example", None), ("http://h.example", Proxy("https://p.example", "ALL_PROXY"))],
)
def test_tls_is_verified_wherever_there_is_any(url, proxy):
    options = client_options(url, Limits(), proxy)
    assert ssl.CERT_REQUIRED == options["verify"].verify_mode
    assert options["proxy"] == (proxy and proxy.url)


# --- responses


def test_a_head_that_a_hook_has_unpacked_has_no_coding_any_more(library):
    headers = {"content-encoding": "identity", "x": "1"}
    unread = library.Response(200, headers=headers, stream=library.ByteStream(b"x"))
    assert "identity" == Head(unread).headers["content-encoding"]
    unread.read()
    read = Head(unread)
    assert (200, "1") == (read.status, read.headers["x"])
    assert "content-encoding" not in read.headers


# --- errors


@pytest.mark.parametrize(
    "error",
    [pytest.param(error, id=repr(type(error))) for each in LIBRARIES for error in errors_of(each)],
)
def test_every_error_of_the_library_becomes_ours_without_the_request(error):
    library = httpx2 if type(error).__module__.startswith("httpx2") else httpx
    request = library.Request("POST", "http://h.example", headers={"authorization": KEY})
    if isinstance(error, library.HTTPError):
        error.request = request
    with library.Client() as made:
        ours = translated(error, HttpxClient(made, "Client", is_own=False))
    assert isinstance(ours, TransportError | GraySwanError)
    assert ours.__cause__ is error
    assert not [value for value in vars(error).values() if value is request]


@pytest.mark.parametrize(
    ("kind", "wait"),
    [
        ("ConnectTimeout", "connect"),
        ("ReadTimeout", "read"),
        ("WriteTimeout", "write"),
        ("PoolTimeout", "pool"),
    ],
)
def test_a_timeout_tells_which_wait_it_was(kind, wait, client):
    ours = translated(getattr(client.library, kind)("words"), client)
    assert isinstance(ours, WaitTimeoutError)
    assert wait == ours.wait


def test_a_deadlines_end_is_a_read_that_took_too_long(client):
    ours = translated(asyncio.TimeoutError(), client)
    assert (WaitTimeoutError, "read") == (type(ours), ours.wait)


def test_no_connection_has_the_systems_reason(client):
    error = client.library.ConnectError("words")
    error.__cause__ = LookupError("between")
    error.__cause__.__context__ = reason = ConnectionRefusedError(111, "refused")
    ours = translated(error, client)
    assert (ConnectError, reason) == (type(ours), ours.reason)


def test_a_broken_connection_has_its_words(client):
    assert "words" == str(translated(client.library.ReadError("words"), client))
    ours = translated(client.library.ReadError(""), client)
    assert (ProtocolError, "ReadError") == (type(ours), str(ours))


@pytest.mark.parametrize(("status", "again"), [("407", False), ("503", True)])
def test_a_proxy_that_refuses_is_named_by_its_variable(client, status, again):
    error = client.library.ProxyError(f"{status} Whatever")
    ours = translated(error, client, Proxy("http://p.example", "HTTPS_PROXY"))
    assert (APIConnectionError, int(status)) == (type(ours), ours.status_code)
    assert f"The proxy in HTTPS_PROXY refused the connection: {status} Whatever." in str(ours)
    assert ("user name and password" in str(ours)) is (status == "407")
    assert again == ours.is_retryable
    assert "The proxy refused" in str(translated(error, client))


def test_a_client_that_is_closed_meanwhile_is_a_connection_error(library):
    made = library.Client()
    client = HttpxClient(made, "Client", is_own=True)
    made.close()
    ours = translated(RuntimeError("Cannot send a request"), client)
    assert isinstance(ours, APIConnectionError)
    assert "closed before" in str(ours)


def test_a_client_of_another_loop_is_a_connection_error(client):
    ours = translated(RuntimeError("Event loop is closed"), client)
    assert isinstance(ours, APIConnectionError)
    assert "another event loop" in str(ours)


@pytest.mark.parametrize("error", [RuntimeError("x"), LookupError(), KeyboardInterrupt()], ids=repr)
def test_what_is_nothing_of_the_network_passes(error, client):
    with pytest.raises(type(error)) as caught, translating(client):
        raise error
    assert caught.value is error
