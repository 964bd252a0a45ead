import subprocess
import sys

import pytest

from grayswan_devserver import DevServer


def test_the_fixture_is_a_running_server(grayswan_server):
    assert isinstance(grayswan_server, DevServer)
    assert grayswan_server.url


_SERVERS = []


@pytest.mark.parametrize("number", [1, 2])
def test_every_test_has_a_server_of_its_own(grayswan_server, http, number):
    assert grayswan_server not in _SERVERS
    _SERVERS.append(grayswan_server)
    http.get("/")
    assert len(grayswan_server.requests) == 1


def test_importing_the_plugin_starts_nothing():
    code = (
        "import sys\n"
        "for name in ('starlette', 'uvicorn', 'pydantic', 'httpx'): sys.modules[name] = None\n"
        "import grayswan_devserver.pytest_plugin"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own code
