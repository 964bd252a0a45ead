"""What is measured, each case as a function that gives every contender's work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from benchmarks.performance.contenders import CONTENDERS, Contender

__all__ = ["CASES", "STRUCTURED", "TOOLS", "Case"]

# After another contender's turn the first ten calls cost up to five times as much: processor
# caches are cold, and the interpreter's bytecode is specialized for the other's objects.
_CALLS = 100
_STREAMS = 100
_PACED = 20
_OURS = ("ChatGraySwan", "GraySwan")

Work = Callable[[], "int | tuple[int, list[float]]"]


@dataclass(frozen=True)
class Case:
    """One row of figures.

    Attributes:
        name: What the reader sees.
        unit: What one unit of the work is.
        manner: The first part of the path, which tells the server how to answer.
        work: Makes one contender's work, which gives how many units it did, and how late each of
            them was where that is known. What is to be closed at the end goes on the stack.
        rounds: How many rounds count in a whole run.
        warm_up: How many rounds before that do not.
        tls: Whether over TLS.
        peers: Whether the peers take part.
    """

    name: str
    unit: str
    manner: str
    work: Callable[[Contender, ExitStack], Work | None]
    rounds: int = 7
    warm_up: int = 1
    tls: bool = False
    peers: bool = True

    def contenders(self, server: str, stack: ExitStack) -> dict[str, Work]:
        """Every contender's work against a server; those that have none do not take part."""
        works = {
            name: self.work(make(f"{server}/{self.manner}"), stack)
            for name, make in CONTENDERS.items()
            if self.peers or name in _OURS
        }
        return {name: work for name, work in works.items() if work is not None}


def _repeated(call: Callable[[], object]) -> Work:
    def work() -> int:
        for _ in range(_CALLS):
            call()
        return _CALLS

    return work


def _calls(contender: Contender, _: ExitStack) -> Work:
    return _repeated(contender.call)


def _tools(count: int) -> Callable[[Contender, ExitStack], Work]:
    return lambda contender, _: _repeated(contender.calling(count))


def _stream(contender: Contender, _: ExitStack) -> Work:
    return contender.stream


def _tool_stream(contender: Contender, _: ExitStack) -> Work:
    return contender.tool_stream


def _events(contender: Contender, _: ExitStack) -> Work | None:
    return contender.events


def _structured(length: int) -> Callable[[Contender, ExitStack], Work]:
    def make(contender: Contender, _: ExitStack) -> Work:
        def work() -> int:
            found = len(contender.structured())
            if found != length - 12:
                raise ValueError(f"The output has {found} characters.")
            return length // 4

        return work

    return make


def _at_once(count: int) -> Callable[[Contender, ExitStack], Work]:
    async def work(contender: Contender) -> int:
        await asyncio.gather(*(contender.acall() for _ in range(count)))
        return count

    return _in_one_loop(work)


async def _paced(contender: Contender) -> tuple[int, list[float]]:
    late = await asyncio.gather(*(contender.astream() for _ in range(_STREAMS)))
    found = [each for stream in late for each in stream]
    if len(found) != _STREAMS * _PACED:
        raise ValueError(f"There were {len(found)} chunks.")
    return len(found), found


def _in_one_loop(run: Callable[[Contender], Any]) -> Callable[[Contender, ExitStack], Work]:
    """Work in one loop for all rounds, as in a server: some contenders do not survive a second."""

    def make(contender: Contender, stack: ExitStack) -> Work:
        loop = asyncio.new_event_loop()
        stack.callback(_end, loop)
        return lambda: loop.run_until_complete(run(contender))

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


STRUCTURED = {
    length: f"structured stream, {length:,} characters" for length in (1_000, 4_000, 16_000)
}
"""Cases of structured output by the length of its arguments."""

TOOLS = {count: f"{count} tool{'s' if count > 1 else ''} a call" for count in (1, 10, 50)}
"""Cases of calls by the number of tools on offer."""

CASES = [
    Case("one call", "call", "burst-1", _calls, rounds=11),
    Case("one call, TLS", "call", "burst-1", _calls, tls=True),
    Case("stream, an event a write", "chunk", "events-1000", _stream, rounds=15),
    Case("stream, an event a write, TLS", "chunk", "events-1000", _stream, rounds=15, tls=True),
    Case("200 calls at once", "call", "burst-1", _at_once(200), rounds=9),
    # With the peers this takes minutes.
    Case("1,000 calls at once", "call", "burst-1", _at_once(1000), rounds=5, peers=False),
    Case(
        "100 paced streams", "chunk", f"paced-{_PACED}", _in_one_loop(_paced), rounds=9, warm_up=1
    ),
    Case(STRUCTURED[1_000], "chunk", "call-1000", _structured(1_000), rounds=5),
    Case(STRUCTURED[4_000], "chunk", "call-4000", _structured(4_000), rounds=3, warm_up=0),
    Case(STRUCTURED[16_000], "chunk", "call-16000", _structured(16_000), rounds=3, warm_up=0),
    Case("tool-call stream", "chunk", "call-4000", _tool_stream, rounds=11),
    *(Case(name, "call", "burst-1", _tools(count), rounds=5) for count, name in TOOLS.items()),
    Case("protocol events", "event", "events-1000", _events),
]
