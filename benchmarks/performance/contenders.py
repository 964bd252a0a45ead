"""What is compared: each with one call, one stream, and both async, made ready in one place.

Every stream is read to its end and gives the number of its chunks, so that a contender that
loses chunks is seen. The two floors answer from chunks made before, without any I/O: what is left
is what the framework itself costs.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["CONTENDERS", "Contender"]

KEY = "fake-benchmark-key"
QUESTION = "Count."


@dataclass(frozen=True)
class Contender:
    """One thing to measure. Each function does one request and waits for all of its answer."""

    name: str
    call: Callable[[], object]
    stream: Callable[[], int]
    acall: Callable[[], Awaitable[object]]
    astream: Callable[[], Awaitable[int]]


def _count(chunks: Iterator[Any]) -> int:
    return sum(1 for _ in chunks)


async def _acount(chunks: AsyncIterator[Any]) -> int:
    count = 0
    async for _ in chunks:
        count += 1
    return count


def _langchain(name: str, model: Any) -> Contender:
    return Contender(
        name,
        call=lambda: model.invoke(QUESTION),
        stream=lambda: _count(model.stream(QUESTION)),
        acall=lambda: model.ainvoke(QUESTION),
        astream=lambda: _acount(model.astream(QUESTION)),
    )


def _llama_index(name: str, llm: Any) -> Contender:
    from llama_index.core.llms import ChatMessage

    messages = [ChatMessage(role="user", content=QUESTION)]

    async def astream() -> int:
        return await _acount(await llm.astream_chat(messages))

    return Contender(
        name,
        call=lambda: llm.chat(messages),
        stream=lambda: _count(llm.stream_chat(messages)),
        acall=lambda: llm.achat(messages),
        astream=astream,
    )


def chat_grayswan(url: str) -> Contender:
    from langchain_grayswan import ChatGraySwan

    return _langchain("ChatGraySwan", ChatGraySwan(base_url=url, api_key=KEY))


def chat_openai(url: str) -> Contender:
    from langchain_openai import ChatOpenAI

    return _langchain("ChatOpenAI", ChatOpenAI(base_url=url, api_key=KEY, model="cygnet"))


def langchain_floor(url: str) -> Contender:
    from benchmarks.performance.floors import LangChainFloor

    return _langchain("LangChain floor", LangChainFloor(chunks=_chunks_of(url)))


def grayswan(url: str) -> Contender:
    from llama_index_grayswan import GraySwan

    return _llama_index("GraySwan", GraySwan(base_url=url, api_key=KEY))


def openai_like(url: str) -> Contender:
    from llama_index.llms.openai_like import OpenAILike

    llm = OpenAILike(api_base=url, api_key=KEY, model="cygnet", is_chat_model=True)
    return _llama_index("OpenAILike", llm)


def llama_index_floor(url: str) -> Contender:
    from benchmarks.performance.floors import LlamaIndexFloor

    return _llama_index("LlamaIndex floor", LlamaIndexFloor(chunks=_chunks_of(url)))


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

    return Contender(
        "grayswan-api",
        call=lambda: client.chat.completion.create(**asked),
        stream=lambda: _count(client.chat.completion.create(**asked, stream=True)),
        acall=lambda: aclient.chat.completion.create(**asked),
        astream=astream,
    )


def bare_httpx(url: str) -> Contender:
    import httpx

    client, aclient = httpx.Client(), httpx.AsyncClient()
    address = url + "/chat/completion"
    headers = {"authorization": f"Bearer {KEY}"}
    asked = {"messages": [{"role": "user", "content": QUESTION}], "model": "cygnet"}

    def request(*, stream: bool) -> dict[str, Any]:
        return {"json": {**asked, "stream": stream}, "headers": headers}

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
    )


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
    "ChatOpenAI": chat_openai,
    "LangChain floor": langchain_floor,
    "GraySwan": grayswan,
    "OpenAILike": openai_like,
    "LlamaIndex floor": llama_index_floor,
    "grayswan-api": official,
    "bare httpx": bare_httpx,
}
