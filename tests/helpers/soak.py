"""Many calls at once while connections are cut at random, and the count of what went wrong.

Every question has an answer of its own, so an answer that is short, another's, or said twice is
told apart. Run it as long as you like:

    python tests/helpers/soak.py --calls 20000 --seed 7
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace

import anyio
from wire_server import LAST_CHUNK, Close, Request, Reset, Stall, Step, WireServer, stream, whole

from grayswan_core import (
    APIError,
    ChatRequest,
    ClientConfig,
    CygnetClient,
    Message,
    Timeout,
)
from grayswan_core.http.protocol import TransportName

WORDS = 12
TIMEOUT = Timeout(read=1.0, between_chunks=1.0, total=30.0)


@dataclass
class Figures:
    """What came of the calls.

    Attributes:
        calls: Made.
        whole: Answered in full.
        told: Ended in one of our errors, with a true part of the answer on it.
        lost: Ended without an error, and short.
        mixed_up: Held something of another answer.
        doubled: Held something twice.
        untyped: Ended in an error that is none of ours.
        requests: On the wire.
        cut: How often the server broke off.
        seconds: It took.
        errors: Ours, by class.
    """

    calls: int = 0
    whole: int = 0
    told: int = 0
    lost: int = 0
    mixed_up: int = 0
    doubled: int = 0
    untyped: int = 0
    requests: int = 0
    cut: int = 0
    seconds: float = 0.0
    errors: dict[str, int] = field(default_factory=dict)

    @property
    def bad(self) -> int:
        """What may never happen."""
        return self.lost + self.mixed_up + self.doubled + self.untyped


def expected(question: str) -> list[str]:
    """The words of the answer to a question; no two answers share one."""
    return [f"{question}:{number} " for number in range(WORDS)]


class Chaos:
    """Chooses what the server does; the same seed and questions make the same choices."""

    def __init__(self, seed: int, *, unsolicited: bool = True) -> None:
        self._seed = seed
        self._unsolicited = unsolicited
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.cut = 0

    def __call__(self, request: Request) -> Sequence[Step]:
        body = request.json()
        question = body["messages"][0]["content"]
        with self._lock:
            self._asked[question] += 1
            dice = random.Random(f"{self._seed} {question} {self._asked[question]}")  # noqa: S311 - no secret
        steps = _streamed(question) if body.get("stream") else _whole(question)
        if dice.random() < 0.4:
            return steps
        with self._lock:
            self.cut += 1
        if self._unsolicited and dice.random() < 0.1:
            return [b"".join([*steps, *_UNSOLICITED])]
        return _broken(steps, dice)


def _streamed(question: str) -> list[bytes]:
    events = [_event(word) for word in expected(question)]
    return [*stream(*events, _event("", "stop") + b"data: [DONE]\n\n"), LAST_CHUNK]


def _event(content: str, finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish_reason}
    return f"data: {json.dumps({'id': 'chat', 'choices': [choice]})}\n\n".encode()


def _whole(question: str) -> list[bytes]:
    message = {"role": "assistant", "content": "".join(expected(question))}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return [whole(json.dumps({"id": "chat", "choices": [choice]}))]


def _broken(steps: Sequence[bytes], dice: random.Random) -> Sequence[Step]:
    """The answer cut anywhere, in one of the ways that there are."""
    content = b"".join(steps)
    place = dice.randrange(len(content))
    end = dice.choice([(Close(),), (Reset(),), (b"\x00\xffnonsense\r\n", Close()), ()])
    if dice.random() < 0.01:
        end = (Stall(),)
    if not end:
        return [whole('{"detail": "busy"}', 503, headers={"retry-after-ms": "1"})]
    return [content[:place], *end]


# A response to nobody, in one piece with a whole one. One that comes when the next request has
# been sent is that one's response as far as anybody can tell.
_UNSOLICITED = _whole("nobody")


def run(calls: int, seed: int, workers: int = 16, transport: TransportName = "direct") -> Figures:
    """Make the calls, a quarter each whole or streamed and sync or async."""
    figures = Figures()
    # httpx takes a second response in one piece for the next one's: docs/reliability.md.
    chaos = Chaos(seed, unsolicited=transport == "direct")
    began = time.monotonic()
    with WireServer() as server:
        server.play_by(chaos)
        config = ClientConfig.resolve(
            api_key="local-test", base_url=server.url, timeout=TIMEOUT, max_retries=2
        )
        hasty = replace(config.retry, first_delay=0.001, max_delay=0.002)
        config = replace(config, retry=hasty)
        questions = [f"q{number}" for number in range(calls)]
        with (
            CygnetClient(config, transport=transport) as client,
            ThreadPoolExecutor(workers) as pool,
        ):
            on_a_loop = pool.submit(_ask_on_a_loop, client, questions[::2], figures, workers)
            list(pool.map(lambda each: _ask(client, each, figures), questions[1::2]))
            on_a_loop.result()
        figures.requests = sum(b'"left' not in request.body for request in server.requests)
    figures.cut = chaos.cut
    figures.seconds = round(time.monotonic() - began, 2)
    return figures


def _ask(client: CygnetClient, question: str, figures: Figures) -> None:
    said: list[str] = []
    error: BaseException | None = None
    try:
        if int(question[1:]) // 2 % 2:
            for chunk in client.stream(_request(question)):
                said += [
                    choice.get("delta", {}).get("content") or ""
                    for choice in chunk.get("choices", ())
                ]
        else:
            said.append(client.complete(_request(question)).choices[0].message.content or "")
    except Exception as caught:  # noqa: BLE001 - counted
        error = caught
    _count(figures, question, "".join(said), error)


def _ask_on_a_loop(
    client: CygnetClient, questions: Sequence[str], figures: Figures, workers: int
) -> None:
    async def ask(question: str, room: asyncio.Semaphore) -> None:
        said: list[str] = []
        error: BaseException | None = None
        async with room:
            try:
                if int(question[1:]) // 2 % 2:
                    async for chunk in client.astream(_request(question)):
                        said.extend(
                            choice.get("delta", {}).get("content") or ""
                            for choice in chunk.get("choices", ())
                        )
                else:
                    answer = await client.acomplete(_request(question))
                    said.append(answer.choices[0].message.content or "")
            except Exception as caught:  # noqa: BLE001 - counted
                error = caught
        _count(figures, question, "".join(said), error)

    async def ask_all() -> None:
        room = asyncio.Semaphore(workers)
        leaving = asyncio.create_task(_leave_again_and_again(client))
        await asyncio.gather(*(ask(question, room) for question in questions))
        leaving.cancel()

    asyncio.run(ask_all())


async def _leave_again_and_again(client: CygnetClient) -> None:
    """Cancel calls as web frameworks do, beside all others."""
    for number in itertools.count():
        with anyio.move_on_after(number % 10 / 1000), suppress(APIError):
            await asyncio.create_task(client.acomplete(_request(f"left{number}")))
        await asyncio.sleep(0.005)


def _request(question: str) -> ChatRequest:
    return ChatRequest(model="cygnet", messages=[Message(role="user", content=question)])


_counting = threading.Lock()


def _count(figures: Figures, question: str, said: str, error: BaseException | None) -> None:
    right = "".join(expected(question))
    with _counting:
        figures.calls += 1
        if not right.startswith(said):
            own = said.count(f"{question}:")
            doubled = own > len({word for word in said.split() if word.startswith(question)})
            figures.doubled += doubled
            figures.mixed_up += not doubled
        elif isinstance(error, APIError):
            figures.told += 1
            _note(figures, type(error).__name__)
            figures.mixed_up += not right.startswith(error.partial_text)
            figures.lost += said != error.partial_text and bool(said)
        elif error is not None:
            figures.untyped += 1
            _note(figures, repr(error))
        else:
            figures.lost += said != right
            figures.whole += said == right


def _note(figures: Figures, name: str) -> None:
    figures.errors[name] = figures.errors.get(name, 0) + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--transport", choices=("direct", "httpx"), default="direct")
    arguments = parser.parse_args()
    figures = run(arguments.calls, arguments.seed, arguments.workers, arguments.transport)
    print(json.dumps(asdict(figures), indent=2))  # noqa: T201 - a command
    sys.exit(bool(figures.bad))


if __name__ == "__main__":
    main()
