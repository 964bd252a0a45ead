import asyncio
import gc
import threading

import pytest

from grayswan_core.cygnal.racing import AsyncRace, Race


class BadError(Exception):
    pass


def bad():
    raise BadError


async def abad():
    raise BadError


async def good():
    return None


def test_a_good_verdict_lets_everything_pass():
    race = Race(lambda: None)
    assert [1, 2] == list(race.watch(iter([1, 2])))
    race.wait()


def test_a_bad_verdict_ends_the_items():
    verdict = threading.Event()

    def check():
        verdict.wait(10)
        bad()

    race, seen = Race(check), []

    def items():
        yield 1
        verdict.set()
        with pytest.raises(BadError):
            race.wait()
        yield 2
        yield 3

    with pytest.raises(BadError):
        seen.extend(race.watch(items()))
    assert 3 not in seen


def test_a_bad_verdict_is_waited_for():
    with pytest.raises(BadError):
        Race(bad).wait()


async def test_async_good():
    race = AsyncRace(good())

    async def items():
        yield 1
        yield 2

    assert [1, 2] == [each async for each in race.watch(items())]
    await race.wait()


async def test_async_bad_cancels_what_is_awaited():
    cancelled = []

    async def forever():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    with pytest.raises(BadError):
        await AsyncRace(abad()).first(forever())
    assert [True] == cancelled


async def test_async_a_stream_is_cut():
    closed = []

    async def items():
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    verdict = asyncio.Event()

    async def check():
        await verdict.wait()
        raise BadError

    race, seen = AsyncRace(check()), []

    async def read():
        async for each in race.watch(items()):
            seen.append(each)
            verdict.set()

    with pytest.raises(BadError):
        await read()
    assert ([1], [True]) == (seen, closed)


async def test_async_a_model_that_fails_fails():
    async def failing():
        raise ValueError("model")

    race = AsyncRace(asyncio.sleep(60))
    with pytest.raises(ValueError, match="model"):
        await race.first(failing())
    await race.aclose()
    assert race._verdict.cancelled()


async def test_async_a_caller_cancelled_while_the_model_stops_is_cancelled():
    stopping = asyncio.Event()

    async def stubborn():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopping.set()
            await asyncio.Event().wait()

    caller = asyncio.create_task(AsyncRace(abad()).first(stubborn()))
    await stopping.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller


async def test_async_a_verdict_nobody_waited_for_is_not_logged(caplog):
    race = AsyncRace(abad())
    await asyncio.wait({race._verdict})
    await race.aclose()
    del race
    gc.collect()
    assert [] == caplog.records
