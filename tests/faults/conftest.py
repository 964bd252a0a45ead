"""Fixtures of the fault tests."""

from __future__ import annotations

import pytest
from wire_server import WireServer


@pytest.fixture
def server():
    with WireServer() as running:
        yield running
