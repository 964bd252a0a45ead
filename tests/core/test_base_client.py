from __future__ import annotations

import pytest
from wire_server import whole

from grayswan_core import ClientConfig, CygnetClient
from grayswan_core.cygnal.client import CygnalClient
from grayswan_core.errors import InvalidRequestError
from grayswan_core.wire import MonitorMessage, MonitorRequest

REQUEST = MonitorRequest(messages=[MonitorMessage(role="user", content="hi")])


@pytest.fixture(params=[CygnetClient, CygnalClient])
def client(request, server, key):
    with request.param(ClientConfig.resolve(api_key=key, base_url=server.url)) as made:
        yield made


def test_a_client_shows_its_address_and_no_key(client, server, key):
    assert f"{type(client).__name__}(base_url='{server.url}')" == repr(client)
    assert key not in repr(client) + str(vars(client))


def test_a_call_says_where_it_goes_and_who_asks(client, server, key):
    call = client._call("/swans", lambda: b"{}", list)
    assert (f"{server.url}/swans", b"{}", False) == (
        call.request.url,
        call.request.body,
        call.streams,
    )
    assert f"Bearer {key}" == client._headers()["authorization"]
    assert "text/event-stream" == client._call("/", bytes, list, streams=True).accept


def test_what_cannot_be_written_is_an_invalid_request(client):
    def fail():
        raise ValueError("half a character")

    with pytest.raises(InvalidRequestError, match="half a character"):
        client._call("/swans", fail, list)


def test_a_client_may_be_used_after_it_was_closed(server, key):
    server.play_always(whole('{"violation": 0.75}'))
    client = CygnalClient(ClientConfig.resolve(api_key=key, base_url=server.url))
    for _ in range(2):
        assert 0.75 == client.monitor(REQUEST).violation
        client.close()
    assert 2 == len(server.connections)
