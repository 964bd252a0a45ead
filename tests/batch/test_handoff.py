from __future__ import annotations

import asyncio
import threading

import pytest

from grayswan_batch.handoff import Handoff


async def test_items_come_over_in_order_whoever_is_faster():
    handoff = Handoff()
    feeder = threading.Thread(target=handoff.feed, args=([{"n": n} for n in range(1000)],))
    feeder.start()
    found = [item["n"] async for item in handoff]
    feeder.join()

    assert found == list(range(1000))


async def test_what_the_iterable_raises_is_raised_after_what_it_gave():
    def items():
        yield {"n": 1}
        raise LookupError("gone")

    handoff = Handoff()
    handoff.feed(items())
    found = aiter(handoff)

    assert await anext(found) == {"n": 1}
    with pytest.raises(LookupError, match="gone"):
        await anext(found)


async def test_a_closed_one_stops_who_feeds_it():
    given = []

    def items():
        while True:
            given.append({})
            yield {}

    handoff = Handoff()
    feeding = asyncio.ensure_future(asyncio.to_thread(handoff.feed, items()))
    await anext(aiter(handoff))
    handoff.close()
    await feeding

    assert len(given) <= 70
