"""A guard and a model that speak to the local server, and who sees what."""

from __future__ import annotations

import pytest
from langchain_core.callbacks import BaseCallbackHandler

from grayswan_core import CygnalGuard


@pytest.fixture
def guard(server):
    with CygnalGuard(api_key="test-key-000", base_url=server.url, max_retries=0) as guard:
        yield guard


class Everything(BaseCallbackHandler):
    """Keeps everything that a handler is told."""

    def __init__(self):
        self.told = []

    def __getattribute__(self, name):
        if name.startswith("on_"):
            return lambda *args, **kwargs: self.told.append((name, args, kwargs))
        return super().__getattribute__(name)

    def names(self):
        return [name for name, *_ in self.told]

    def said(self):
        """All of it but the input, which was known before."""
        return "".join(repr(each) for each in self.told if "_start" not in each[0])


@pytest.fixture
def handler():
    return Everything()


@pytest.fixture
def sent(server):
    """The conversations the model was sent."""
    return lambda: [
        request.body["messages"] for request in server.requests if "cygnal" not in request.path
    ]


@pytest.fixture
def judged(server):
    """The conversations the monitor was sent."""
    return lambda: [
        request.body["messages"] for request in server.requests if "cygnal" in request.path
    ]
