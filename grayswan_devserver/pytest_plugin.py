"""The pytest fixture `grayswan_server`, there wherever this package is installed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grayswan_devserver.server import DevServer

__all__ = ["grayswan_server"]


@pytest.fixture(scope="session")
def _grayswan_stopping() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(thread_name_prefix="grayswan-devserver-stop") as pool:
        yield pool


@pytest.fixture
def grayswan_server(_grayswan_stopping: ThreadPoolExecutor) -> Iterator[DevServer]:
    """A local server with the Cygnet wire, of this test alone.

    A request that an earlier test left on its way is none of this test's.
    """
    # Imported here: a session that asks for no server pays for none, and lacks nothing.
    from grayswan_devserver import DevServer  # noqa: PLC0415

    server = DevServer()
    server.start()
    yield server
    # Starting takes two milliseconds, stopping a hundred and fifty: no test waits for that.
    _grayswan_stopping.submit(server.stop)
