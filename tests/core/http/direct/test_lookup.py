from __future__ import annotations

import socket
import threading

import pytest

from grayswan_core.http.address import Address
from grayswan_core.http.direct.lookup import look_up

HOST = Address("http", "h.example", 8000)
PATIENCE = 30


class Names:
    """A resolver that says what the test wants, when the test wants."""

    def __init__(self):
        self.lookups = []
        self.answer = threading.Event()
        self.answer.set()
        self.error = None
        self._real = socket.getaddrinfo

    def __call__(self, host, port, *rest, flags=0, **more):
        if host != HOST.host or flags & socket.AI_NUMERICHOST:
            return self._real(host, port, *rest, flags=flags, **more)
        self.lookups.append(host)
        self.answer.wait(PATIENCE)
        if self.error is not None:
            raise self.error
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


@pytest.fixture
def names(monkeypatch):
    made = Names()
    monkeypatch.setattr(socket, "getaddrinfo", made)
    yield made
    made.answer.set()


@pytest.fixture
def no_threads(monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", _refuse)


@pytest.mark.parametrize(
    ("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)]
)
def test_a_number_needs_no_thread_and_no_resolver(host, family, names, no_threads):
    ((found, kind, _, where),) = look_up(Address("http", host, 80)).result(0)
    assert (family, socket.SOCK_STREAM, (host, 80)) == (found, kind, where[:2])
    assert [] == names.lookups


def test_lookups_of_the_same_at_once_are_one_and_later_ones_are_new(names):
    names.answer.clear()
    first, second = look_up(HOST), look_up(HOST)
    assert first is second
    assert not first.cancel()
    names.answer.set()
    assert [(socket.AF_INET, socket.SOCK_STREAM, 6, ("127.0.0.1", 8000))] == first.result(PATIENCE)
    assert look_up(HOST).result(PATIENCE)
    assert [HOST.host] * 2 == names.lookups


def test_an_address_with_another_port_is_looked_up_by_itself(names):
    names.answer.clear()
    first, second = look_up(HOST), look_up(HOST._replace(port=8001))
    names.answer.set()
    assert [8000, 8001] == [each.result(PATIENCE)[0][3][1] for each in (first, second)]


def test_a_name_that_nobody_knows_fails_and_is_tried_again(names):
    names.error = socket.gaierror(socket.EAI_NONAME, "unknown")
    with pytest.raises(OSError, match="unknown"):
        look_up(HOST).result(PATIENCE)
    names.error = None
    assert look_up(HOST).result(PATIENCE)


def test_without_threads_it_fails_and_is_tried_again(names, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _refuse)
        with pytest.raises(OSError, match="can't start new thread"):
            look_up(HOST).result(0)
    assert look_up(HOST).result(PATIENCE)


def _refuse(thread):
    raise RuntimeError("can't start new thread")
