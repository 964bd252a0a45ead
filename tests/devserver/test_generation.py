import asyncio

from grayswan_devserver.engine import TextPiece
from grayswan_devserver.generation import Disconnect, Generation


def _pieces(closed):
    try:
        for number in range(3):
            yield TextPiece(0, str(number))
    finally:
        closed.append(True)


async def test_pieces_one_by_one_and_the_end():
    generation = Generation(_pieces([]))
    assert [piece.text for piece in [await generation.next() for _ in range(3)]] == ["0", "1", "2"]
    assert await generation.next() is None


async def test_closing_stops_the_generator():
    closed = []
    generation = Generation(_pieces(closed))
    await generation.next()
    await generation.close()
    assert closed == [True]
    await generation.close()


async def test_the_rest_ends_with_the_client():
    disconnect = Disconnect()
    assert len(await Generation(_pieces([])).rest(disconnect)) == 3
    disconnect.happened.set()
    assert await Generation(_pieces([])).rest(disconnect) == []


async def test_a_disconnect_is_noticed_and_ends_a_pause():
    messages = asyncio.Queue()
    disconnect = Disconnect()
    async with disconnect.watching(messages.get):
        messages.put_nowait({"type": "http.request"})
        messages.put_nowait({"type": "http.disconnect"})
        await disconnect.pause(3600)
        assert disconnect.happened.is_set()


async def test_a_client_that_stays_is_not_noticed():
    disconnect = Disconnect()
    async with disconnect.watching(asyncio.Queue().get):
        await disconnect.pause(0)
        await disconnect.pause(0.001)
    assert not disconnect.happened.is_set()
