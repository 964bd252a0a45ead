"""Fixtures of the LlamaIndex tests: models that speak to a local server, and what they report."""

from __future__ import annotations

import pytest
from llama_index.core import Document, Settings, VectorStoreIndex
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler

from demo.embedding import HashedWords
from llama_index_grayswan import GraySwan

KEY = "not-a-real-key-0123456789"


@pytest.fixture
def make_llm(grayswan_server):
    """Models that speak to the server; the settings are theirs."""
    made = []

    def make(**settings):
        # A failure is to be seen at once, not tried again behind the test's back.
        given = {"api_key": KEY, "base_url": grayswan_server.url, "max_retries": 0}
        llm = GraySwan(**{**given, **settings})
        made.append(llm)
        return llm

    yield make
    for llm in made:
        llm.close()


@pytest.fixture
def llm(make_llm):
    return make_llm()


@pytest.fixture
def sent(grayswan_server):
    """The body of the latest request that the server got."""
    return lambda: grayswan_server.last.body


@pytest.fixture
def events():
    """The instrumentation events of this test, in their order."""
    seen = []

    class Handler(BaseEventHandler):
        def handle(self, event, **kwargs):
            seen.append(event)

    dispatcher = get_dispatcher()
    handlers = list(dispatcher.event_handlers)
    dispatcher.add_event_handler(Handler())
    yield seen
    dispatcher.event_handlers = handlers


@pytest.fixture(autouse=True)
def _fresh_settings():
    """`Settings` is shared by the whole process: no test sees what another one set."""
    before = {name: getattr(Settings, name) for name in Settings.__dataclass_fields__}
    yield
    for name, value in before.items():
        setattr(Settings, name, value)


TOWN = (
    "The bakery in Hill Road opens at seven in the morning. It sells rye bread.",
    "The library has twelve thousand books. It closes at eight in the evening.",
    "The harbour was built in 1904. Forty boats lie there in summer.",
)


@pytest.fixture
def town():
    """Three short texts about a town."""
    return [Document(text=text, metadata={"place": text.split()[1]}) for text in TOWN]


@pytest.fixture
def index(llm, town):
    """An index of the town, with the model in `Settings`, as an application has them."""
    Settings.llm = llm
    Settings.embed_model = HashedWords()
    return VectorStoreIndex.from_documents(town)


@pytest.fixture
def bodies(grayswan_server):
    """Role and content of the messages of every request so far."""
    return lambda: [
        [(message["role"], message["content"]) for message in request.body["messages"]]
        for request in grayswan_server.requests
    ]
