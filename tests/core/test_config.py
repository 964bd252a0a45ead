from __future__ import annotations

import copy
import dataclasses
import pickle
import traceback
from itertools import combinations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from grayswan_core.config import (
    BASE_URL_VARIABLES,
    MISSPELT_KEY_VARIABLES,
    ClientConfig,
    Timeout,
    resolve_api_key,
    resolve_base_url,
)
from grayswan_core.errors import ConfigurationError
from grayswan_core.http.hosts import is_loopback

# --- the key


def test_a_key_given_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("GRAYSWAN_API_KEY", "from-the-environment")
    assert "given" == ClientConfig.resolve(api_key="given").api_key.get_secret_value()
    assert "given" == resolve_api_key(SecretStr("given")).get_secret_value()


def test_the_key_comes_from_the_environment_otherwise(monkeypatch):
    monkeypatch.setenv("GRAYSWAN_API_KEY", " from-the-environment\n")
    assert "from-the-environment" == ClientConfig.resolve().api_key.get_secret_value()


@pytest.mark.parametrize("key", [None, "", "  \n"])
def test_a_missing_key_is_an_error_that_names_both_ways_to_give_it(key):
    with pytest.raises(ConfigurationError, match=r"GRAYSWAN_API_KEY, or pass api_key="):
        ClientConfig.resolve(api_key=key)


def test_an_empty_key_given_does_not_fall_back_to_the_environment(monkeypatch):
    monkeypatch.setenv("GRAYSWAN_API_KEY", "from-the-environment")
    with pytest.raises(ConfigurationError):
        ClientConfig.resolve(api_key="")


@pytest.mark.parametrize(
    "key",
    ["abc\ndef", "abc\r\nx: y", "abc def", "abc\tdef", "abc\x00", "abcé", "abc\x7f", "abc\u200b"],
)
def test_a_key_that_cannot_be_one_is_refused_without_being_shown(key):
    with pytest.raises(ConfigurationError) as caught:
        ClientConfig.resolve(api_key=key)
    assert "abc" not in "".join(traceback.format_exception(caught.value))


@given(st.text(max_size=20))
def test_any_text_is_a_key_that_fits_a_header_or_an_error(text):
    try:
        key = resolve_api_key(text).get_secret_value()
    except ConfigurationError:
        return
    assert key == text.strip()
    assert all("!" <= character <= "~" for character in key)


# --- the address


def test_the_address_given_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("GRAY_SWAN_BASE_URL", "https://b.example")
    assert "https://a.example" == resolve_base_url("https://a.example")
    assert "https://b.example" == resolve_base_url()


@pytest.mark.parametrize("name", BASE_URL_VARIABLES)
def test_each_variable_names_the_address(name, monkeypatch):
    for other in BASE_URL_VARIABLES:
        monkeypatch.setenv(other, "  " if other != name else "https://b.example/")
    assert "https://b.example" == resolve_base_url()
    assert "https://b.example" == ClientConfig.resolve(api_key="k").base_url


@pytest.mark.parametrize("names", list(combinations(BASE_URL_VARIABLES, 2)))
@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("https://b.example", "https://b.example", True),
        ("https://b.example/", " HTTPS://B.example:443// ", True),
        ("https://bücher.example", "https://xn--bcher-kva.example", True),
        ("https://b.example", "https://c.example", False),
        ("https://b.example", "https://b.example/v1", False),
        ("https://b.example", "https://b.example:8443", False),
        ("https://b.example/v1", "https://b.example/V1", False),
    ],
)
def test_two_variables_must_agree_unless_the_address_is_given(
    names, one, other, agree, monkeypatch
):
    monkeypatch.setenv(names[0], one)
    monkeypatch.setenv(names[1], other)
    assert "https://a.example" == resolve_base_url("https://a.example")
    if agree:
        assert resolve_base_url(one) == resolve_base_url()
        return
    with pytest.raises(ConfigurationError, match=" and ".join(names)):
        resolve_base_url()


@pytest.mark.parametrize("name", BASE_URL_VARIABLES)
def test_a_bad_address_names_where_it_comes_from(name, monkeypatch):
    monkeypatch.setenv(name, "nowhere")
    with pytest.raises(ConfigurationError, match=f"base URL in {name} cannot"):
        resolve_base_url()
    with pytest.raises(ConfigurationError, match="base URL in base_url cannot"):
        resolve_base_url("nowhere")


@pytest.mark.parametrize("url", ["", "  ", "\n"])
def test_an_empty_address_given_is_an_error_and_no_default(url, monkeypatch):
    monkeypatch.setenv("GRAY_SWAN_BASE_URL", "https://b.example")
    with pytest.raises(ConfigurationError, match="base_url"):
        resolve_base_url(url)


@pytest.mark.parametrize("name", MISSPELT_KEY_VARIABLES)
def test_a_key_under_another_name_is_not_used_but_named(name, monkeypatch):
    monkeypatch.setenv(name, "gs-a-key")
    with pytest.raises(ConfigurationError, match=rf"GRAYSWAN_API_KEY.*\({name} is set") as caught:
        resolve_api_key()
    assert "gs-a-key" not in str(caught.value)


def test_the_services_own_address_is_the_default():
    assert "https://api.grayswan.ai" == resolve_base_url()


@pytest.mark.parametrize(
    ("given_url", "expected"),
    [
        ("https://h.example/", "https://h.example"),
        (" https://h.example/v1//\n", "https://h.example/v1"),
        ("HTTPS://H.example", "https://h.example"),
        ("https://h.example:443/A", "https://h.example/A"),
        ("https://h.example:80", "https://h.example:80"),
        ("https://h.example.", "https://h.example."),
        ("https://h.example/ü/%20/a;b=c", "https://h.example/%C3%BC/%20/a;b=c"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://127.8.9.1", "http://127.8.9.1"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("http://localhost", "http://localhost"),
        ("http://LOCALHOST:1", "http://localhost:1"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://a.localhost", "http://a.localhost"),
    ],
)
def test_an_address_that_works_is_kept(given_url, expected):
    assert expected == resolve_base_url(given_url)


@pytest.mark.parametrize(
    "url",
    [
        "h.example",
        "//h.example",
        "ftp://h.example",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https:/h.example",
        "https://[::1",
        "https://h.example:99999",
        "https://h.example:port",
        "https://h.example?",
        "https://h.example/?a=b",
        "https://h.example#",
        "https://h.example/#top",
        "https://@h.example",
        "https://user@h.example",
        "https://user:pass@h.example",
        "https://:@h.example",
        "https://exa mple",
        "https://h.example/a b",
        "https://h.ex\nample",
        "https://h.ex\tample",
        "https://h.example\x00",
        "https://h.example\\@other.example",
        "https:\\\\h.example",
        "https://h..example",
        "https://.h.example",
        f"https://{'h' * 64}.example",
        "https://" + ".".join(["h" * 60] * 5),
        f"https://{'ü' * 64}.example",
        "https://h%2eexample",
        "https://h.example:0",
    ],
)
def test_an_address_that_cannot_work_is_refused(url):
    with pytest.raises(ConfigurationError, match="base URL in base_url cannot be used"):
        resolve_base_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://h.example",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://2130706433.example",
        "http://[fe80::1]",
    ],
)
def test_plain_http_to_another_machine_has_to_be_asked_for(url):
    with pytest.raises(ConfigurationError, match="clear text"):
        resolve_base_url(url)
    assert url == resolve_base_url(url, allow_insecure_http=True)


def test_a_refused_address_is_not_shown_as_it_may_hold_a_password():
    with pytest.raises(ConfigurationError) as caught:
        resolve_base_url("https://user:pass-word@h.example")
    assert "pass-word" not in str(caught.value)


@given(st.text(alphabet="htps:/.@?#[]\\% \tlocaex1270é", max_size=30))
def test_any_address_that_is_accepted_leads_where_it_says(text):
    for url in (text, f"http://{text}", f"http://localhost{text}", f"https://127.0.0.1{text}"):
        try:
            accepted = resolve_base_url(url)
        except ConfigurationError:
            continue
        parsed = httpx.URL(f"{accepted}/chat/completion")
        assert parsed.path.endswith("/chat/completion")
        assert "" == parsed.query.decode() == parsed.fragment == parsed.userinfo.decode()
        if parsed.scheme == "http":
            assert is_loopback(parsed.host)


# --- path, timeout, retries, headers


@pytest.mark.parametrize("path", ["/chat/completions", "chat/completions", "//chat/completions/"])
def test_a_path_stands_under_the_address(path):
    assert "/chat/completions" == ClientConfig.resolve(api_key="k", chat_path=path).chat_path


def test_a_path_is_sent_in_ascii():
    assert "/%C3%BC?v=1" == ClientConfig.resolve(api_key="k", chat_path="ü?v=1").chat_path


@pytest.mark.parametrize("path", ["/chat\n", "/a b", "/a#b", "/a\x00"])
def test_a_path_that_cannot_be_one_is_refused(path):
    with pytest.raises(ConfigurationError, match="chat_path"):
        ClientConfig.resolve(api_key="k", chat_path=path)


@pytest.mark.parametrize(
    ("timeout", "expected"),
    [
        (30, Timeout(5.0, 30, 30, 30, 30, 600.0)),
        (2.5, Timeout(2.5, 2.5, 2.5, 2.5, 2.5, 600.0)),
        (900, Timeout(5.0, 900, 900, 900, 900, 900)),
        (None, Timeout(None, None, None, None, None, None)),
        (Timeout(read=9), Timeout(5.0, 9, 60.0, 60.0, 60.0, 600.0)),
    ],
)
def test_a_timeout_is_a_number_none_or_one_for_each_wait(timeout, expected):
    assert expected == ClientConfig.resolve(api_key="k", timeout=timeout).timeout


def test_waits_are_finite_unless_asked_otherwise():
    assert Timeout(5.0, 60.0, 60.0, 60.0, 60.0, 600.0) == ClientConfig.resolve(api_key="k").timeout


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1e12])
def test_a_timeout_that_cannot_be_kept_is_refused(seconds):
    with pytest.raises(ConfigurationError, match="seconds above 0"):
        ClientConfig.resolve(api_key="k", timeout=seconds)
    with pytest.raises(ConfigurationError, match="seconds above 0"):
        Timeout(read=seconds)


def test_retries_are_counted_from_zero():
    assert 0 == ClientConfig.resolve(api_key="k", max_retries=0).retry.max_retries
    assert 5 == ClientConfig.resolve(api_key="k").retry.max_retries
    with pytest.raises(ConfigurationError, match="max_retries"):
        ClientConfig.resolve(api_key="k", max_retries=-1)


def test_further_headers_are_kept_in_lower_case_and_without_space_around():
    config = ClientConfig.resolve(api_key="k", headers={"X-Team": " swans "})
    assert {"x-team": SecretStr("swans")} == config.headers


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "accept",
        "Accept-Encoding",
        "content-type",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
    ],
)
def test_a_header_of_the_clients_own_is_refused(name):
    with pytest.raises(ConfigurationError, match="set by the client itself"):
        ClientConfig.resolve(api_key="k", headers={name: "x"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "x"),
        ("x y", "x"),
        ("x:", "x"),
        ("xé", "x"),
        ("x\n", "x"),
        ("x", "hide\r\ny: z"),
        ("x", "hideé"),
        ("x", "hide\x00"),
        ("x", "hide\x7f"),
    ],
)
def test_a_header_that_cannot_be_one_is_refused_and_its_value_not_shown(name, value):
    with pytest.raises(ConfigurationError, match="no header may have") as caught:
        ClientConfig.resolve(api_key="k", headers={name: value})
    assert "hide" not in str(caught.value)


# --- secrets

SECRET = "gs-key-that-nobody-may-see"


@pytest.fixture
def config():
    return ClientConfig.resolve(
        api_key=SECRET,
        base_url="https://h.example",
        chat_path="/c",
        timeout=3,
        max_retries=2,
        headers={"x-gateway": "another-secret"},
    )


def test_no_text_form_holds_a_secret(config):
    shown = f"{config} {config!r} {dataclasses.asdict(config)['api_key']}"
    assert SECRET not in shown
    assert "another-secret" not in shown


def test_a_pickle_holds_no_secret_and_reads_the_key_again(config, monkeypatch):
    config = dataclasses.replace(config, headers={})
    pickled = pickle.dumps(config)
    assert SECRET.encode() not in pickled
    monkeypatch.setenv("GRAYSWAN_API_KEY", "the-key-over-there")
    loaded = pickle.loads(pickled)
    assert "the-key-over-there" == loaded.api_key.get_secret_value()
    assert (config.base_url, config.chat_path, config.timeout, config.retry) == (
        loaded.base_url,
        loaded.chat_path,
        loaded.timeout,
        loaded.retry,
    )


def test_a_pickle_says_clearly_where_there_is_no_key_to_read(config):
    with pytest.raises(ConfigurationError, match="GRAYSWAN_API_KEY"):
        pickle.loads(pickle.dumps(dataclasses.replace(config, headers={})))


def test_headers_are_refused_by_a_pickle_and_not_lost_in_it(config):
    with pytest.raises(ConfigurationError, match="x-gateway") as caught:
        pickle.dumps(config)
    assert "another-secret" not in str(caught.value)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_keeps_everything(config, copied):
    assert config == copied(config)
    assert SECRET == copied(config).api_key.get_secret_value()
