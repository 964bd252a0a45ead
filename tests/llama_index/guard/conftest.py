import pytest
from llama_index.core.instrumentation.span_handlers import SimpleSpanHandler
from llama_index_instrumentation import get_dispatcher

from grayswan_core import CygnalGuard


@pytest.fixture
def guard(grayswan_server):
    url = grayswan_server.url
    with CygnalGuard(api_key="test-key-000", base_url=url, max_retries=0) as guard:
        yield guard


@pytest.fixture
def to_model(grayswan_server):
    """The conversations the model was sent."""
    return lambda: [
        request.body["messages"]
        for request in grayswan_server.requests
        if "cygnal" not in request.path
    ]


@pytest.fixture
def to_monitor(grayswan_server):
    """The conversations the monitor was sent."""
    return lambda: [
        request.body["messages"] for request in grayswan_server.requests if "cygnal" in request.path
    ]


class Spans(SimpleSpanHandler):
    told: list = []  # noqa: RUF012 - a pydantic field

    def prepare_to_exit_span(self, id_, bound_args, instance=None, result=None, **kwargs):
        self.told.append(repr(result))
        return super().prepare_to_exit_span(id_, bound_args, instance, result, **kwargs)


@pytest.fixture
def spans():
    handler = Spans()
    root = get_dispatcher()
    before = list(root.span_handlers)
    root.add_span_handler(handler)
    yield handler.told
    root.span_handlers = before
