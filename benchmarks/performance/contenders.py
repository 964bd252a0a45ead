"""What is compared: each with one call, one stream, and both async, made ready in one place.

Every stream is read to its end and gives the number of its chunks, so that a contender that
loses chunks is seen. The two floors answer from chunks made before, without any I/O: what is left
is what the framework itself costs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.performance.bare import KEY, QUESTION, Bare
from benchmarks.performance.models import LANGCHAIN, LLAMA_INDEX

__all__ = ["CONTENDERS", "Contender"]


@dataclass(frozen=True)
class Contender:
    """One thing to measure.

    Attributes:
        name: What the reader sees.
        call: One request; waits for all of its answer. So do the next three.
        stream: The same as a stream; gives the number of its chunks.
        acall: `call`, async.
        astream: `stream`, async.
        first: Begins a stream and leaves it after its first chunk.
        converse: Makes a call with so many earlier messages.
    """

    name: str
    call: Callable[[], object]
    stream: Callable[[], int]
    acall: Callable[[], Awaitable[object]]
    astream: Callable[[], Awaitable[int]]
    first: Callable[[], object]
    converse: Callable[[int], Callable[[], object]]


def _count(chunks: Iterator[Any]) -> int:
    return sum(1 for _ in chunks)


def _first(chunks: Generator[Any, None, None]) -> object:
    with closing(chunks):
        return next(chunks)


async def _acount(chunks: AsyncIterator[Any]) -> int:
    count = 0
    async for _ in chunks:
        count += 1
    return count


def _turns(count: int) -> list[tuple[str, str]]:
    """A conversation: who says what, the user last."""
    return [(("user", "assistant")[turn % 2], f"Turn {turn}. {QUESTION}") for turn in range(count)]


def _langchain(name: str, url: str) -> Contender:
    from langchain_core.messages import AIMessage, HumanMessage

    model = LANGCHAIN[name](url)

    def converse(count: int) -> Callable[[], object]:
        kinds = {"user": HumanMessage, "assistant": AIMessage}
        messages = [kinds[role](text) for role, text in [*_turns(count), ("user", QUESTION)]]
        return lambda: model.invoke(messages)

    return Contender(
        name,
        call=lambda: model.invoke(QUESTION),
        stream=lambda: _count(model.stream(QUESTION)),
        acall=lambda: model.ainvoke(QUESTION),
        astream=lambda: _acount(model.astream(QUESTION)),
        first=lambda: _first(model.stream(QUESTION)),
        converse=converse,
    )


def _llama_index(name: str, url: str) -> Contender:
    from llama_index.core.llms import ChatMessage

    llm = LLAMA_INDEX[name](url)
    messages = [ChatMessage(role="user", content=QUESTION)]

    async def astream() -> int:
        return await _acount(await llm.astream_chat(messages))

    def converse(count: int) -> Callable[[], object]:
        history = [ChatMessage(role=role, content=text) for role, text in _turns(count)]
        return lambda: llm.chat([*history, *messages])

    return Contender(
        name,
        call=lambda: llm.chat(messages),
        stream=lambda: _count(llm.stream_chat(messages)),
        acall=lambda: llm.achat(messages),
        astream=astream,
        first=lambda: _first(llm.stream_chat(messages)),
        converse=converse,
    )


def _official(url: str) -> Contender:
    import httpx
    from gray_swan import AsyncGraySwan, GraySwan

    # Its own HTTP client cannot be made with httpx 0.28: it passes an argument that is gone.
    client = GraySwan(base_url=url, api_key=KEY, http_client=httpx.Client())
    aclient = AsyncGraySwan(base_url=url, api_key=KEY, http_client=httpx.AsyncClient())
    asked: dict[str, Any] = {
        "messages": _wire(0),
        "model": "cygnet-v0.2",
    }

    async def astream() -> int:
        return await _acount(await aclient.chat.completion.create(**asked, stream=True))

    def first() -> object:
        with client.chat.completion.create(**asked, stream=True) as chunks:
            return next(iter(chunks))

    def converse(count: int) -> Callable[[], object]:
        conversation = {**asked, "messages": _wire(count)}
        return lambda: client.chat.completion.create(**conversation)

    return Contender(
        "grayswan-api",
        call=lambda: client.chat.completion.create(**asked),
        stream=lambda: _count(client.chat.completion.create(**asked, stream=True)),
        acall=lambda: aclient.chat.completion.create(**asked),
        astream=astream,
        first=first,
        converse=converse,
    )


def _bare_httpx(url: str) -> Contender:
    service = Bare(url)

    def first() -> object:
        with closing(service.pieces(_wire(0))) as pieces:
            return next(pieces)

    def converse(count: int) -> Callable[[], object]:
        messages = _wire(count)
        return lambda: service.call(messages)

    return Contender(
        "bare httpx",
        call=lambda: service.call(_wire(0)),
        stream=lambda: _count(service.stream(_wire(0))),
        acall=lambda: service.acall(_wire(0)),
        astream=lambda: _acount(service.astream(_wire(0))),
        first=first,
        converse=converse,
    )


def _wire(count: int) -> list[dict[str, str]]:
    """A question after so many earlier messages."""
    turns = [*_turns(count), ("user", QUESTION)]
    return [{"role": role, "content": text} for role, text in turns]


CONTENDERS: dict[str, Callable[[str], Contender]] = {
    **{name: partial(_langchain, name) for name in LANGCHAIN},
    **{name: partial(_llama_index, name) for name in LLAMA_INDEX},
    "grayswan-api": _official,
    "bare httpx": _bare_httpx,
}
