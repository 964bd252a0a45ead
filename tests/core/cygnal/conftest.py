import pytest

from grayswan_core.cygnal.guard import CygnalGuard


@pytest.fixture
def monitor(grayswan_server):
    return grayswan_server


@pytest.fixture
def new_guard(monitor, key):
    """Makes guards that ask the local server; each is closed when the test ends."""
    made = []

    def make(**settings):
        given = {"api_key": key, "base_url": monitor.url, "max_retries": 0, **settings}
        made.append(CygnalGuard(**given))
        return made[-1]

    yield make
    for guard in made:
        guard.close()


@pytest.fixture
def guard(new_guard):
    return new_guard()
