from __future__ import annotations

import asyncio
import gc

import pytest

from grayswan_core.http.loop_end import at_loop_end


class Closing:
    """Counts how often it is closed, and in which loop."""

    def __init__(self):
        self.loops = []
        self.closed = asyncio.Event()

    async def __call__(self):
        await asyncio.sleep(0)  # the loop still runs
        self.loops.append(asyncio.get_running_loop())
        self.closed.set()


@pytest.fixture
def close():
    return Closing()


def test_the_end_of_a_loop_closes(close):
    async def main():
        main.guard = at_loop_end(close)
        await anext(main.guard)
        assert [] == close.loops
        return asyncio.get_running_loop()

    assert [asyncio.run(main())] == close.loops


async def test_closing_it_earlier_closes_once(close):
    guard = at_loop_end(close)
    await anext(guard)
    await guard.aclose()
    await guard.aclose()
    assert 1 == len(close.loops)


async def test_what_is_dropped_is_closed_by_its_loop(close):
    guard = at_loop_end(close)
    await anext(guard)
    del guard
    gc.collect()
    await close.closed.wait()
    assert [asyncio.get_running_loop()] == close.loops


def test_what_outlives_its_loop_is_closed_in_no_other(close):
    loop = asyncio.new_event_loop()
    guard = at_loop_end(close)
    loop.run_until_complete(anext(guard))
    loop.close()  # without closing its generators
    asyncio.run(guard.aclose())
    assert [] == close.loops


async def test_what_never_began_has_nothing_to_close(close):
    await at_loop_end(close).aclose()
    assert [] == close.loops


async def test_an_error_in_closing_is_the_callers():
    async def fail():
        raise LookupError

    guard = at_loop_end(fail)
    await anext(guard)
    with pytest.raises(LookupError):
        await guard.aclose()
