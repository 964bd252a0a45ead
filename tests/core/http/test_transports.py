from __future__ import annotations

import httpx
import pytest
from transport_parts import deadline, post
from wire_server import whole

from grayswan_core.errors import ConfigurationError
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
