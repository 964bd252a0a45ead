from __future__ import annotations

import pytest

from grayswan_core.errors import ConfigurationError
from grayswan_core.http import proxies
from grayswan_core.http.proxies import Proxy, proxy_for, proxy_settings

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, None),
        ({"http": PROXY}, None),
        ({"https": PROXY}, Proxy(PROXY, "HTTPS_PROXY")),
        ({"all": PROXY}, Proxy(PROXY, "ALL_PROXY")),
        ({"all": "http://other.example", "https": PROXY}, Proxy(PROXY, "HTTPS_PROXY")),
        ({"all": PROXY, "https": "  "}, Proxy(PROXY, "ALL_PROXY")),
        ({"https": " proxy.example:3128 "}, Proxy(PROXY, "HTTPS_PROXY")),
        ({"https": "https://proxy.example"}, Proxy("https://proxy.example", "HTTPS_PROXY")),
        ({"https": "http://me:pass@proxy.example"},
         Proxy("http://me:pass@proxy.example", "HTTPS_PROXY")),
    ],
)  # fmt: skip
def test_the_scheme_names_the_proxy_and_all_proxy_stands_in(settings, expected):
    assert expected == proxy_for("https://api.example/x", settings)


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.1", "::1", "a.localhost", "0", "::"]
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_this_machine_is_never_proxied(host, scheme):
    everywhere = dict.fromkeys(("http", "https", "all"), PROXY)
    where = f"[{host}]" if ":" in host else host
    assert proxy_for(f"{scheme}://{where}:8000/x", everywhere) is None


EXCLUDED = [
    ("*", "https://api.example"),
    ("api.example", "https://api.example"),
    ("API.Example", "https://api.example"),
    ("api.example", "https://API.EXAMPLE."),
    ("other.example, api.example ,", "https://api.example"),
    (".example", "https://api.example"),
    ("example", "https://a.b.example"),
    ("*.example", "https://api.example"),
    ("api.example.", "https://api.example"),
    ("https://api.example", "https://api.example"),
    ("api.example:443", "https://api.example"),
    ("api.example:8443", "https://api.example:8443"),
    ("10.0.0.1", "https://10.0.0.1"),
    ("10.0.0.1:443", "https://10.0.0.1"),
    ("10.0.0.0/8", "https://10.1.2.3"),
    ("fd00::1", "https://[fd00::1]"),
    ("[fd00::1]", "https://[fd00::1]"),
    ("[fd00::1]:443", "https://[fd00::1]"),
    ("fd00::/8", "https://[fd00::1]"),
]
INCLUDED = [
    ("", "https://api.example"),
    (" , ,", "https://api.example"),
    (".", "https://api.example"),
    ("pi.example", "https://api.example"),
    ("api.example.org", "https://api.example"),
    ("api.example:80", "https://api.example"),
    ("10.0.0.0/8", "https://11.1.2.3"),
    ("10.0.0.1", "https://10.0.0.11"),
    ("0.0.1", "https://10.0.0.1"),
    ("10.0.0.0/99", "https://10.0.0.1"),
    ("fd00::/8", "https://10.0.0.1"),
    ("10.0.0.0/8", "https://10.example"),
]


@pytest.mark.parametrize(("no_proxy", "url"), EXCLUDED)
def test_no_proxy_lists_names_addresses_and_ranges(no_proxy, url):
    assert proxy_for(url, {"all": PROXY, "no": no_proxy}) is None


@pytest.mark.parametrize(("no_proxy", "url"), INCLUDED)
def test_no_proxy_excludes_nothing_that_it_does_not_list(no_proxy, url):
    assert Proxy(PROXY, "ALL_PROXY") == proxy_for(url, {"all": PROXY, "no": no_proxy})


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("ftp://user:pass-word@proxy.example", "unknown scheme 'ftp'"),
        ("socks4://proxy.example", "unknown scheme 'socks4'"),
        ("http://", "http://host:port"),
        ("http://[::1", "http://host:port"),
        ("http://user:pass-word@proxy..example", "http://host:port"),
        ("http://proxy.example:port", "http://host:port"),
        ("http://proxy.example:99999", "http://host:port"),
        ("socks5://user:pass-word@proxy.example", "httpx[socks]"),
        ("socks5h://proxy.example", "httpx[socks]"),
    ],
)
@pytest.mark.parametrize("name", ["https", "all"])
def test_a_proxy_that_cannot_be_used_is_an_error_that_names_the_variable(
    value, says, name, monkeypatch
):
    monkeypatch.setattr(proxies, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError) as caught:
        proxy_for("https://api.example", {name: value})
    assert says in str(caught.value)
    assert f"{name.upper()}_PROXY" in str(caught.value)
    assert "pass-word" not in str(caught.value)


def test_a_socks_proxy_can_be_used_where_its_package_is_installed(monkeypatch):
    monkeypatch.setattr(proxies, "find_spec", lambda name: object())
    value = "socks5://proxy.example:1080"
    assert Proxy(value, "ALL_PROXY") == proxy_for("https://api.example", {"all": value})


def test_a_bad_proxy_does_not_matter_where_it_is_not_used():
    assert proxy_for("http://127.0.0.1", {"all": "nonsense://"}) is None
    assert proxy_for("https://api.example", {"all": "nonsense://", "no": "*"}) is None


def test_the_password_is_in_no_repr():
    assert "pass-word" not in repr(Proxy("http://user:pass-word@proxy.example", "ALL_PROXY"))


def test_lower_case_variables_win_and_empty_ones_unset(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://upper.example")
    monkeypatch.setenv("https_proxy", PROXY)
    monkeypatch.setenv("ALL_PROXY", "http://upper.example")
    monkeypatch.setenv("all_proxy", "")
    monkeypatch.setenv("NO_PROXY", "b.example")
    assert {"https": PROXY, "no": "b.example"} == proxy_settings()
