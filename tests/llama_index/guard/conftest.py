import pytest

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
