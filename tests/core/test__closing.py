from __future__ import annotations

import pytest

from grayswan_core._closing import Closing


class Connection(Closing):
    def __init__(self):
        self.closed = []

    def close(self):
        self.closed.append("close")

    async def aclose(self):
        self.closed.append("aclose")


async def test_a_block_ends_by_closing_in_its_own_way():
    with Connection() as connection:
        assert [] == connection.closed
    async with connection:
        pass
    assert ["close", "aclose"] == connection.closed


def test_an_error_passes():
    connection = Connection()
    with pytest.raises(KeyError), connection:
        raise KeyError
    assert ["close"] == connection.closed
