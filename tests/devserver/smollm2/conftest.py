"""What the tests of the engine share: a server that plays chunks, and the real one."""

import pytest

from grayswan_devserver import DevServer
from grayswan_devserver.smollm2 import MissingModelError, SmolLM2Engine


class PlayedServer:
    """Stands in for llama.cpp's server: plays texts as chunks, in its shape."""

    def __init__(self, *texts, reason="stop", chunks=None):
        self.requests = []
        self.stopped = False
        self._chunks = chunks or [
            {"choices": [{"index": 0, "finish_reason": None, "delta": {"content": None}}]},
            *(
                {"choices": [{"index": 0, "finish_reason": None, "delta": {"content": text}}]}
                for text in texts
            ),
            {"choices": [{"index": 0, "finish_reason": reason, "delta": {}}]},
            {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": len(texts)}},
        ]

    def handle_chat_completions(self, request, callback):
        self.requests.append(request)
        for chunk in self._chunks:
            if callback(chunk):
                self.stopped = True
                return


@pytest.fixture
def played():
    return PlayedServer


@pytest.fixture(scope="session")
def real_engine():
    """The real model; `make test` installs it wherever there are wheels of it."""
    try:
        return SmolLM2Engine()
    except MissingModelError as error:
        pytest.skip(f"NO REAL MODEL HERE: {error}")


@pytest.fixture(scope="session")
def real_server(real_engine):
    with DevServer(engine=real_engine) as server:
        yield server


@pytest.fixture
def connection(real_server):
    real_server.clear()
    return {"base_url": real_server.url, "api_key": "local-test", "max_retries": 0}
