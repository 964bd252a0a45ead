from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grayswan_core.errors import ConfigurationError
from grayswan_core.http.address import Address, parse_url


@pytest.mark.parametrize(
    ("url", "address", "written"),
    [
        ("http://h.example", ("http", "h.example", 80), "http://h.example"),
        ("https://h.example:443/v1", ("https", "h.example", 443), "https://h.example"),
        ("http://h.example:443", ("http", "h.example", 443), "http://h.example:443"),
        ("HTTPS://BÜCHER.example", ("https", "xn--bcher-kva.example", 443), None),
        ("http://[::1]:8000", ("http", "::1", 8000), "http://[::1]:8000"),
        ("http://user:word@h.example", ("http", "h.example", 80), "http://h.example"),
    ],
)
def test_the_address_of_a_url(url, address, written):
    found = parse_url(url).address
    assert Address(*address) == found
    assert written in (None, str(found))


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("", "/"),
        ("/v1/chat", "/v1/chat"),
        ("/a b/ü", "/a%20b/%C3%BC"),
        ("/a%20b", "/a%20b"),
        ("?", "/"),
        ("/v1?a=1&b=ü#part", "/v1?a=1&b=%C3%BC"),
    ],
)
def test_the_first_lines_of_a_request(path, sent):
    target = parse_url(f"http://h.example:8000{path}")
    assert f"POST {sent} HTTP/1.1\r\nhost: h.example:8000\r\n" == target.first_lines


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h.example",
        "ftp://h.example",
        "ftp://h.example:21",
        "http://",
        "http://:80",
        "http://h.example:x",
        "http://h.example:65536",
        "http://[::1",
        "http://a..b",
        "http://h.example/\ud800",
    ],
)
def test_what_is_no_url_is_a_configuration_error(url):
    with pytest.raises(ConfigurationError, match="base URL cannot be used: "):
        parse_url(url)


@given(st.one_of(st.text(), st.builds("http://{}/{}".format, st.text(), st.text())))
def test_whatever_the_url_nothing_is_added_to_the_first_lines(url):
    try:
        target = parse_url(url)
    except ConfigurationError:
        return
    assert target.first_lines.isascii()
    first, second = target.first_lines.removesuffix("\r\n").split("\r\n")
    assert 3 == len(first.split(" "))
    assert f"host: {target.address.authority}" == second
