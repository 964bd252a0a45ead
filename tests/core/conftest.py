"""Fixtures of the core's tests: a scripted server, a client that knows it, streams on file."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings

# A machine under load is slow, and that is no failure.
settings.register_profile("core", deadline=None)
settings.load_profile("core")

HERE = Path(__file__).parent

# Test folders are no packages, so a helper module beside the tests is loaded by its path; after
# this, a test says `from wire_server import ...`.
if "wire_server" not in sys.modules:
    _spec = importlib.util.spec_from_file_location("wire_server", HERE / "wire_server.py")
    _module = importlib.util.module_from_spec(_spec)
    sys.modules["wire_server"] = _module
    _spec.loader.exec_module(_module)

from wire_server import WireServer  # noqa: E402 - loaded just above

from grayswan_core import ClientConfig, CygnetClient  # noqa: E402

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


@pytest.fixture
def sleeps(monkeypatch):
    """The sleeps the client asked for, in seconds; none is slept."""
    asked = []

    async def note(seconds):
        asked.append(seconds)

    # The names in the client, not the modules: others sleep too.
    monkeypatch.setattr("grayswan_core.client.time", SimpleNamespace(sleep=asked.append))
    monkeypatch.setattr("grayswan_core.client.asyncio", SimpleNamespace(sleep=note))
    return asked


@pytest.fixture
def stream_file():
    """Reads a stream on file; `\\n` there is `\\n` on the wire."""
    return lambda name: (HERE / "streams" / f"{name}.txt").read_bytes()
