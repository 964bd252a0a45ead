from __future__ import annotations

import httpx
import pytest

from grayswan_core.http.plain_client import PlainAsyncClient, PlainClient


@pytest.fixture(params=[PlainClient, PlainAsyncClient])
def client(request):
    return request.param()


def test_no_cookie_is_kept_and_no_redirect_followed(client):
    response = httpx.Response(
        200,
        headers={"set-cookie": "a=b; Path=/"},
        request=httpx.Request("GET", "https://h.example"),
    )
    client.cookies.extract_cookies(response)
    assert [] == list(client.cookies.jar)
    assert not client.follow_redirects


def test_a_request_is_what_is_given_and_who_sends_it(client):
    request = client.build_request("POST", "https://h.example/a", headers={"a": "b"}, content=b"c")
    headers = dict(request.headers)
    assert headers.pop("user-agent").startswith("grayswan-integrations/")
    assert {"host": "h.example", "a": "b", "content-length": "1"} == headers
    assert b"c" == request.content


def test_settings_are_those_of_httpx():
    assert "https://h.example" == str(PlainClient(base_url="https://h.example").base_url)
