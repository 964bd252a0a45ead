from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grayswan_core.http.hosts import ascii_host, is_loopback, is_this_machine


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("H.Example", "h.example"),
        ("h.example.", "h.example."),
        ("a_b-c.example", "a_b-c.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("x" * 63, "x" * 63),
    ],
)
def test_a_host_is_written_in_lower_case_ascii(host, expected):
    assert expected == ascii_host(host)


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("", "empty part"),
        (".", "empty part"),
        ("..", "empty part"),
        ("a..example", "empty part"),
        (".example", "empty part"),
        ("x" * 64 + ".example", "too long"),
        (".".join(["x" * 60] * 5), "too long"),
        ("a b", "characters"),
        ("a%2e", "characters"),
        ("a*", "characters"),
        ("ü" * 64, "ASCII form"),
        ("xn--é", "ASCII form"),
        ("\u200b.example", "ASCII form"),
    ],
)
def test_a_name_that_no_host_has_is_refused(host, reason):
    with pytest.raises(ValueError, match=reason):
        ascii_host(host)


@given(st.text(max_size=70) | st.from_regex(r"[a-z0-9.-]{0,300}", fullmatch=True))
def test_any_accepted_name_can_be_handed_to_the_resolver(host):
    try:
        name = ascii_host(host)
    except ValueError:
        return
    assert name.isascii()
    name.encode("idna")  # what Python's resolver does with it


LOOPBACK = ["localhost", "LOCALHOST", "localhost.", "a.localhost", "127.0.0.1", "127.8.9.1",
            "127.0.0.1.", "127.1", "0x7f.1", "0177.0.0.1", "2130706433", "::1",
            "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"]  # fmt: skip
ELSEWHERE = ["h.example", "localhost.example", "127.0.0.1.example", "10.0.0.1", "1271",
             "2130706433.example", "fe80::1", "", "notlocalhost", "127.0.0.1%2ea"]  # fmt: skip


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_is_recognised_however_it_is_written(host):
    assert is_loopback(host)
    assert is_this_machine(host)


@pytest.mark.parametrize("host", ELSEWHERE)
def test_no_other_host_is_taken_for_loopback(host):
    assert not is_loopback(host)
    assert not is_this_machine(host)


@pytest.mark.parametrize("host", ["0", "::"])
def test_unspecified_addresses_lead_to_this_machine_but_are_not_loopback(host):
    assert is_this_machine(host)
    assert not is_loopback(host)


@given(st.integers(0, 2**32 - 1))
def test_a_number_is_the_address_that_the_resolver_makes_of_it(number):
    reached = socket.inet_ntoa(socket.inet_aton(str(number)))
    assert is_loopback(reached) == is_loopback(str(number))
