"""The pytest fixture `grayswan_server`, there wherever this package is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grayswan_devserver.server import DevServer

__all__ = ["grayswan_server"]


@pytest.fixture(scope="session")
def _grayswan_session_server() -> Iterator[DevServer]:
    # Imported here: a session that asks for no server pays for none, and lacks nothing.
    from grayswan_devserver import DevServer  # noqa: PLC0415

    with DevServer() as server:
        yield server


@pytest.fixture
def grayswan_server(_grayswan_session_server: DevServer) -> Iterator[DevServer]:
    """A local server with the Cygnet wire, one per session, with a clean record for each test."""
    _grayswan_session_server.clear()
    yield _grayswan_session_server
    _grayswan_session_server.clear()
