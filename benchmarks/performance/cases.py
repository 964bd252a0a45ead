"""What is measured, each case as a function that gives every contender's work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from benchmarks.performance.contenders import CONTENDERS, Contender

__all__ = ["CASES", "Case"]

_CALLS = 20
_BEGINNINGS = 5
_THREADS = 32

Work = Callable[[], int]


@dataclass(frozen=True)
class Case:
    """One row of figures.

    Attributes:
        name: What the reader sees.
        unit: What one unit of the work is.
        manner: The first part of the path, which tells the server how to answer.
        work: Makes one contender's work, which gives how many units it did. What is to be
            closed at the end goes on the stack.
        rounds: How many rounds count in a whole run.
        warm_up: How many rounds before that do not.
        without: Contenders that do not take part.
    """

    name: str
    unit: str
    manner: str
    work: Callable[[Contender, ExitStack], Work]
    rounds: int = 11
    warm_up: int = 1
    without: tuple[str, ...] = ()

    def contenders(self, server: str, stack: ExitStack) -> dict[str, Work]:
        """Every contender's work against a server."""
        return {
            name: self.work(make(f"{server}/{self.manner}"), stack)
            for name, make in CONTENDERS.items()
            if name not in self.without
        }


def _calls(contender: Contender, _: ExitStack) -> Work:
    def work() -> int:
        for _ in range(_CALLS):
            contender.call()
        return _CALLS

    return work


def _stream(contender: Contender, _: ExitStack) -> Work:
    return contender.stream


def _firsts(contender: Contender, _: ExitStack) -> Work:
    def work() -> int:
        for _ in range(_BEGINNINGS):
            contender.first()
        return _BEGINNINGS

    return work


def _conversation(messages: int) -> Callable[[Contender, ExitStack], Work]:
    def make(contender: Contender, _: ExitStack) -> Work:
        converse = contender.converse(messages)

        def work() -> int:
            converse()
            return messages

        return work

    return make


def _concurrent(
    start: Callable[[Contender], Coroutine[Any, Any, Any]], count: int, units: int = 1
) -> Callable[[Contender, ExitStack], Work]:
    def make(contender: Contender, stack: ExitStack) -> Work:
        # One loop for all rounds, as in a server: some contenders do not survive a second one.
        loop = asyncio.new_event_loop()
        stack.callback(_end, loop)

        async def all_at_once() -> None:
            await asyncio.gather(*(start(contender) for _ in range(count)))

        def work() -> int:
            loop.run_until_complete(all_at_once())
            return count * units

        return work

    return make


def _end(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_until_complete(_cancel_all())
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _acall(contender: Contender) -> object:
    return await contender.acall()


async def _astream(contender: Contender) -> int:
    return await contender.astream()


def _threads(contender: Contender, stack: ExitStack) -> Work:
    pool = stack.enter_context(ThreadPoolExecutor(_THREADS))

    def work() -> int:
        list(pool.map(lambda _: contender.call(), range(2 * _THREADS)))
        return 2 * _THREADS

    return work


_FLOORS = ("LangChain floor", "LlamaIndex floor")
_SIMPLEST = ("simplest LangChain model", "simplest LlamaIndex model")
# With a thousand connections in one pool of httpx's, each costs minutes.
_ONE_POOL = ("bare httpx", "grayswan-api", *_SIMPLEST)


def _sync(*given: Any, without: tuple[str, ...] = (), **more: Any) -> Case:
    return Case(*given, without=without, **more)


CASES = [
    _sync("one call", "call", "burst-1", _calls),
    _sync("stream, burst", "chunk", "burst-1000", _stream, rounds=15),
    _sync("stream, 16 KiB pieces", "chunk", "pieces-1000", _stream),
    _sync("stream, one chunk a millisecond", "chunk", "paced-200", _stream, rounds=5),
    _sync("time to first token", "stream", "paced-200", _firsts, rounds=5, without=_FLOORS),
    _sync("stream of a tool call", "chunk", "tools-1000", _stream, without=(*_FLOORS, *_SIMPLEST)),
    _sync("calls from 32 threads", "call", "burst-1", _threads, rounds=7),
    Case("1 async call", "call", "burst-1", _concurrent(_acall, 1)),
    Case("20 concurrent calls", "call", "burst-1", _concurrent(_acall, 20)),
    Case(
        "200 concurrent calls",
        "call",
        "burst-1",
        _concurrent(_acall, 200),
        rounds=5,
    ),
    Case(
        "1,000 concurrent calls",
        "call",
        "burst-1",
        _concurrent(_acall, 1000),
        rounds=2,
        without=_ONE_POOL,
    ),
    Case("1 async stream", "chunk", "burst-100", _concurrent(_astream, 1, 100)),
    Case("20 concurrent streams", "chunk", "burst-100", _concurrent(_astream, 20, 100), rounds=5),
    Case("100 concurrent streams", "chunk", "burst-100", _concurrent(_astream, 100, 100), rounds=4),
    Case("200 concurrent streams", "chunk", "burst-100", _concurrent(_astream, 200, 100), rounds=2),
    Case(
        "1,000 concurrent streams",
        "chunk",
        "burst-20",
        _concurrent(_astream, 1000, 20),
        rounds=1,
        without=_ONE_POOL,
    ),
    _sync("stream, 10 times longer", "chunk", "burst-10000", _stream, rounds=3),
    _sync("stream, 100 times longer", "chunk", "burst-100000", _stream, rounds=1, warm_up=0),
    _sync("history of 10 messages", "message", "burst-1", _conversation(10), without=_FLOORS),
    _sync("history of 100 messages", "message", "burst-1", _conversation(100), without=_FLOORS),
    _sync("history of 1,000 messages", "message", "burst-1", _conversation(1000), without=_FLOORS),
]
