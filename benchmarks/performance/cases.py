"""What is measured, each case as a function that gives every contender's work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from benchmarks.performance.contenders import CONTENDERS, Contender

__all__ = ["CASES", "Case"]

_CALLS = 20
_FLOORS = ("LangChain floor", "LlamaIndex floor")


@dataclass(frozen=True)
class Case:
    """One row of figures.

    Attributes:
        name: What the reader sees.
        unit: What one unit of the work is.
        manner: The first part of the path, which tells the server how to answer.
        work: Makes one contender's work, which gives how many units it did.
        rounds: How many rounds count in a whole run.
        floors: Whether the frameworks' floors take part; they do no I/O.
    """

    name: str
    unit: str
    manner: str
    work: Callable[[Contender], Callable[[], int]]
    rounds: int = 15
    floors: bool = True

    def contenders(self, server: str) -> dict[str, Callable[[], int]]:
        """Every contender's work against a server."""
        names = [name for name in CONTENDERS if self.floors or name not in _FLOORS]
        return {name: self.work(CONTENDERS[name](f"{server}/{self.manner}")) for name in names}


def _calls(contender: Contender) -> Callable[[], int]:
    def work() -> int:
        for _ in range(_CALLS):
            contender.call()
        return _CALLS

    return work


def _stream(contender: Contender) -> Callable[[], int]:
    return contender.stream


def _concurrent(
    start: Callable[[Contender], Coroutine[Any, Any, Any]], count: int, units: int
) -> Callable[[Contender], Callable[[], int]]:
    def make(contender: Contender) -> Callable[[], int]:
        # One loop for all rounds, as in a server: some contenders do not survive a second one.
        loop = asyncio.new_event_loop()

        async def all_at_once() -> None:
            await asyncio.gather(*(start(contender) for _ in range(count)))

        def work() -> int:
            loop.run_until_complete(all_at_once())
            return units

        return work

    return make


async def _acall(contender: Contender) -> object:
    return await contender.acall()


async def _astream(contender: Contender) -> int:
    return await contender.astream()


def _threads(contender: Contender) -> Callable[[], int]:
    pool = ThreadPoolExecutor(32)

    def work() -> int:
        list(pool.map(lambda _: contender.call(), range(64)))
        return 64

    return work


CASES = [
    Case("one call", "call", "burst-1", _calls),
    Case("stream, burst", "chunk", "burst-1000", _stream),
    Case("stream, 16 KiB pieces", "chunk", "pieces-1000", _stream),
    Case("stream, one chunk a millisecond", "chunk", "paced-200", _stream, rounds=5),
    Case("stream of a tool call", "chunk", "tools-1000", _stream),
    Case("20 concurrent calls", "call", "burst-1", _concurrent(_acall, 20, 20)),
    Case("200 concurrent calls", "call", "burst-1", _concurrent(_acall, 200, 200), rounds=7),
    Case("1,000 concurrent calls", "call", "burst-1", _concurrent(_acall, 1000, 1000), rounds=3),
    Case(
        "100 concurrent streams", "chunk", "burst-100", _concurrent(_astream, 100, 10_000), rounds=5
    ),
    Case("calls from 32 threads", "call", "burst-1", _threads, rounds=7),
    Case("stream, 10 times longer", "chunk", "burst-10000", _stream, rounds=3),
]
