"""What is compared: each with one call, one stream, and both async, made ready in one place.

Every stream is read to its end and gives the number of its chunks, so that a contender that
loses chunks is seen. The two floors answer from chunks made before, without any I/O: what is left
is what the framework itself costs.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

__all__ = ["CONTENDERS", "Contender"]

KEY = "fake-benchmark-key"
QUESTION = "Count."


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


def _langchain(name: str, model: Any) -> Contender:
    from langchain_core.messages import AIMessage, HumanMessage

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


def _llama_index(name: str, llm: Any) -> Contender:
    from llama_index.core.llms import ChatMessage

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


def chat_grayswan(url: str) -> Contender:
    from langchain_grayswan import ChatGraySwan

    return _langchain("ChatGraySwan", ChatGraySwan(base_url=url, api_key=KEY))


def chat_grayswan_aiohttp(url: str) -> Contender:
    from grayswan_core.aiohttp_client import aiohttp_client
    from langchain_grayswan import ChatGraySwan

    model = ChatGraySwan(base_url=url, api_key=KEY, http_async_client=aiohttp_client)
    return _langchain("ChatGraySwan, aiohttp", model)


def chat_openai(url: str) -> Contender:
    from langchain_openai import ChatOpenAI

    return _langchain("ChatOpenAI", ChatOpenAI(base_url=url, api_key=KEY, model="cygnet"))


def langchain_floor(url: str) -> Contender:
    from benchmarks.performance.floors import LangChainFloor

    return _langchain("LangChain floor", LangChainFloor(chunks=_chunks_of(url)))


def langchain_objects(url: str) -> Contender:
    from benchmarks.performance.floors import LangChainFloor

    floor = LangChainFloor(chunks=_chunks_of(url), prebuilt=False)
    return _langchain("LangChain floor, its objects", floor)


def grayswan(url: str) -> Contender:
    from llama_index_grayswan import GraySwan

    return _llama_index("GraySwan", GraySwan(base_url=url, api_key=KEY))


def grayswan_aiohttp(url: str) -> Contender:
    from grayswan_core.aiohttp_client import aiohttp_client
    from llama_index_grayswan import GraySwan

    llm = GraySwan(base_url=url, api_key=KEY, http_async_client=aiohttp_client)
    return _llama_index("GraySwan, aiohttp", llm)


def openai_like(url: str) -> Contender:
    from llama_index.llms.openai_like import OpenAILike

    llm = OpenAILike(api_base=url, api_key=KEY, model="cygnet", is_chat_model=True)
    return _llama_index("OpenAILike", llm)


def llama_index_floor(url: str) -> Contender:
    from benchmarks.performance.floors import LlamaIndexFloor

    return _llama_index("LlamaIndex floor", LlamaIndexFloor(chunks=_chunks_of(url)))


def llama_index_objects(url: str) -> Contender:
    from benchmarks.performance.floors import LlamaIndexFloor

    floor = LlamaIndexFloor(chunks=_chunks_of(url), prebuilt=False)
    return _llama_index("LlamaIndex floor, its objects", floor)


def official(url: str) -> Contender:
    import httpx
    from gray_swan import AsyncGraySwan, GraySwan

    # Its own HTTP client cannot be made with httpx 0.28: it passes an argument that is gone.
    client = GraySwan(base_url=url, api_key=KEY, http_client=httpx.Client())
    aclient = AsyncGraySwan(base_url=url, api_key=KEY, http_client=httpx.AsyncClient())
    asked: dict[str, Any] = {
        "messages": [{"role": "user", "content": QUESTION}],
        "model": "cygnet-v0.2",
    }

    async def astream() -> int:
        return await _acount(await aclient.chat.completion.create(**asked, stream=True))

    def first() -> object:
        with client.chat.completion.create(**asked, stream=True) as chunks:
            return next(iter(chunks))

    def converse(count: int) -> Callable[[], object]:
        conversation = {**asked, "messages": [*_wire(count), *asked["messages"]]}
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


def bare_httpx(url: str) -> Contender:
    import httpx

    # Its own limits let 100 connections wait 5 s for each other; the models' are wider too.
    wide: dict[str, Any] = {"limits": httpx.Limits(max_connections=None), "timeout": 60}
    client, aclient = httpx.Client(**wide), httpx.AsyncClient(**wide)
    address = url + "/chat/completion"
    headers = {"authorization": f"Bearer {KEY}"}
    asked: dict[str, Any] = {
        "messages": [{"role": "user", "content": QUESTION}],
        "model": "cygnet",
    }

    def request(*, stream: bool, history: int = 0) -> dict[str, Any]:
        messages = [*_wire(history), *asked["messages"]]
        return {"json": {**asked, "messages": messages, "stream": stream}, "headers": headers}

    def first() -> object:
        with client.stream("POST", address, **request(stream=True)) as response:
            return next(response.iter_raw())

    def converse(count: int) -> Callable[[], object]:
        with_history = request(stream=False, history=count)
        return lambda: json.loads(client.post(address, **with_history).content)

    def stream() -> int:
        with client.stream("POST", address, **request(stream=True)) as response:
            return sum(map(_events, _lines(response.iter_raw())))

    async def astream() -> int:
        count, rest = 0, b""
        async with aclient.stream("POST", address, **request(stream=True)) as response:
            async for piece in response.aiter_raw():
                *lines, rest = (rest + piece).split(b"\n\n")
                count += sum(map(_events, lines))
        return count

    async def acall() -> object:
        return json.loads((await aclient.post(address, **request(stream=False))).content)

    return Contender(
        "bare httpx",
        call=lambda: json.loads(client.post(address, **request(stream=False)).content),
        stream=stream,
        acall=acall,
        astream=astream,
        first=first,
        converse=converse,
    )


def _wire(count: int) -> list[dict[str, str]]:
    return [{"role": role, "content": text} for role, text in _turns(count)]


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n\n")
        yield from lines


def _events(line: bytes) -> int:
    data = line.removeprefix(b"data: ")
    if data == b"[DONE]":
        return 0
    return len(json.loads(data)["choices"])


def _chunks_of(url: str) -> int:
    return int(url.rpartition("-")[2])


CONTENDERS: dict[str, Callable[[str], Contender]] = {
    "ChatGraySwan": chat_grayswan,
    "ChatGraySwan, aiohttp": chat_grayswan_aiohttp,
    "ChatOpenAI": chat_openai,
    "LangChain floor": langchain_floor,
    "LangChain floor, its objects": langchain_objects,
    "GraySwan": grayswan,
    "GraySwan, aiohttp": grayswan_aiohttp,
    "OpenAILike": openai_like,
    "LlamaIndex floor": llama_index_floor,
    "LlamaIndex floor, its objects": llama_index_objects,
    "grayswan-api": official,
    "bare httpx": bare_httpx,
}
