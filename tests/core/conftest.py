"""Fixtures of the core's tests: a scripted server, a client that knows it, streams on file."""

from __future__ import annotations

import pickle
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from client_calls import Async, Sync
from wire_server import WireServer

from grayswan_core import ClientConfig, CygnetClient

HERE = Path(__file__).parent
KEY = "gs-key-that-nobody-may-see"


@pytest.fixture
def key():
    return KEY


@pytest.fixture
def server():
    with WireServer() as running:
        yield running


@pytest.fixture
def new_client(server):
    """Makes clients of the server; each is closed when the test ends."""
    made = []

    def make(**settings):
        config = ClientConfig.resolve(api_key=KEY, base_url=server.url, **settings)
        made.append(CygnetClient(config))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(new_client):
    return new_client()


@pytest.fixture(params=[Sync, Async])
async def half(request):
    """Makes one half of a client; what holds for one has to hold for the other."""
    made = []

    def make(client):
        made.append(client)
        return request.param(client)

    yield make
    for client in made:
        await client.aclose()


@pytest.fixture
async def calls(half, client):
    return half(client)


@pytest.fixture
def sleeps(monkeypatch):
    """The sleeps the client asked for, in seconds; none is slept."""
    asked = []

    async def note(seconds):
        asked.append(seconds)

    # The names in the client, not the modules: others sleep too.
    monkeypatch.setattr("grayswan_core.http.exchange.time", SimpleNamespace(sleep=asked.append))
    monkeypatch.setattr("grayswan_core.http.exchange.asyncio", SimpleNamespace(sleep=note))
    return asked


@pytest.fixture
def stream_file():
    """Reads a stream on file; `\\n` there is `\\n` on the wire."""
    return lambda name: (HERE / "streams" / f"{name}.txt").read_bytes()


@pytest.fixture
def said_by():
    """Everything an error says, and every error behind it: texts, attributes, pickles."""

    def texts(value, seen):
        if id(value) in seen:
            return
        seen[id(value)] = value
        yield repr(value)
        yield str(value)
        if isinstance(value, BaseException):
            with suppress(Exception):  # not every foreign error can be pickled
                yield repr(pickle.dumps(value))
            inner = [value.__cause__, value.__context__, value.args, vars(value)]
        elif isinstance(value, dict):
            inner = [*value, *value.values()]
        elif isinstance(value, (list, tuple, set)):
            inner = value
        elif isinstance(value, httpx.Headers):  # their repr hides what they hold
            inner = [value.raw]
        else:
            inner = [vars(value)] if hasattr(value, "__dict__") else []
        for each in inner:
            yield from texts(each, seen)

    return lambda error: "\n".join(texts(error, {}))


@pytest.fixture
def run_strictly(server):
    """Runs a program in a Python where every warning is an error, left-over sockets included.

    The program knows `config` and `request`, of a client of the server. Whatever it says on
    stderr is a failure.
    """

    def run(program):
        finished = subprocess.run(  # noqa: S603 - the programs stand in the tests
            [sys.executable, "-X", "dev", "-W", "error", "-c", _PREAMBLE + program, server.url],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        # The debugging event loop remarks on steps that a loaded machine makes slow.
        remarks = [
            line for line in finished.stderr.splitlines() if not line.startswith("Executing <")
        ]
        assert [] == remarks
        assert 0 == finished.returncode
        return finished.stdout

    return run


_PREAMBLE = """
import asyncio, gc, os, sys
from grayswan_core import *
config = ClientConfig.resolve(api_key="gs-test-key", base_url=sys.argv[1], max_retries=0)
request = ChatRequest(model="cygnet", messages=[Message(role="user", content="Hello")])
"""
