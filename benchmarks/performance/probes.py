"""What is measured in an interpreter of its own: imports, cold starts, memory.

Each probe prints one number. `python -m benchmarks.performance.probes PROBE CONTENDER URL` runs
one.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from benchmarks.performance.bare import KEY, QUESTION
from benchmarks.performance.models import LANGCHAIN, LLAMA_INDEX

__all__ = ["COLD_START", "IDLE_STREAM", "IMPORTS", "PROBES"]

_LANGCHAIN = "from langchain_core.language_models import BaseChatModel"
_LLAMA_INDEX = "from llama_index.core.llms.function_calling import FunctionCallingLLM"

IMPORTS = {
    "LangChain": ("", _LANGCHAIN),
    "ChatGraySwan, over LangChain": (_LANGCHAIN, "from langchain_grayswan import ChatGraySwan"),
    "ChatOpenAI, over LangChain": (_LANGCHAIN, "from langchain_openai import ChatOpenAI"),
    "LlamaIndex": ("", _LLAMA_INDEX),
    "GraySwan, over LlamaIndex": (_LLAMA_INDEX, "from llama_index.llms.grayswan import GraySwan"),
    "OpenAILike, over LlamaIndex": (
        _LLAMA_INDEX,
        "from llama_index.llms.openai_like import OpenAILike",
    ),
}
"""What is there already, and what is then imported."""

COLD_START = "cold start, ms"
IDLE_STREAM = "idle stream, KiB"

_STREAMS = 100
_SETTLING = 0.2  # seconds


def cold_start_milliseconds(contender: str, url: str) -> float:
    """CPU of the import and a first call, where the framework has been imported before."""
    if contender in LANGCHAIN:
        from langchain_core.language_models import BaseChatModel  # noqa: F401

        begun = time.process_time()
        LANGCHAIN[contender](url).invoke(QUESTION)
    else:
        from llama_index.core.llms import ChatMessage
        from llama_index.core.llms.function_calling import FunctionCallingLLM  # noqa: F401

        begun = time.process_time()
        LLAMA_INDEX[contender](url).chat([ChatMessage(role="user", content=QUESTION)])
    return (time.process_time() - begun) * 1e3


def idle_stream_kibibytes(contender: str, url: str) -> float:
    """Memory of one of a hundred streams that have begun and are waited on for more."""
    stream = _streamer(contender, url)

    async def begin() -> asyncio.Future[Any]:
        chunks = await stream()
        await anext(chunks)
        return asyncio.ensure_future(anext(chunks))

    async def hold() -> float:
        # The first ones fill what imports have left free.
        waiting = [await begin() for _ in range(_STREAMS)]
        before = await _settled()
        waiting += [await begin() for _ in range(_STREAMS)]
        used = (await _settled() - before) / _STREAMS / 1024
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return used

    return asyncio.run(hold())


async def _settled() -> int:
    await asyncio.sleep(_SETTLING)  # until all that has begun waits
    return _resident()


def _streamer(contender: str, url: str) -> Callable[[], Awaitable[AsyncIterator[Any]]]:
    """Begins a stream."""
    if contender in LLAMA_INDEX:
        from llama_index.core.llms import ChatMessage

        llm = LLAMA_INDEX[contender](url)
        return lambda: llm.astream_chat([ChatMessage(role="user", content=QUESTION)])
    if contender in LANGCHAIN:
        model = LANGCHAIN[contender](url)
        return _awaitable(lambda: model.astream(QUESTION))
    if contender == "the core alone":
        from grayswan_core import ChatRequest, ClientConfig, CygnetClient, Message

        client = CygnetClient(ClientConfig.resolve(api_key=KEY, base_url=url))
        asked = ChatRequest(messages=[Message(role="user", content=QUESTION)], model="cygnet")
        return _awaitable(lambda: client.astream(asked))
    from benchmarks.performance.bare import Bare

    service = Bare(url)
    return _awaitable(lambda: service.astream([{"role": "user", "content": QUESTION}]))


def _awaitable(
    begin: Callable[[], AsyncIterator[Any]],
) -> Callable[[], Awaitable[AsyncIterator[Any]]]:
    async def stream() -> AsyncIterator[Any]:
        return begin()

    return stream


def _resident() -> int:
    gc.collect()
    with open("/proc/self/statm") as statm:  # noqa: PTH123 - a file of the kernel's
        return int(statm.read().split()[1]) * 4096


PROBES: dict[str, Callable[[str, str], float]] = {
    COLD_START: cold_start_milliseconds,
    IDLE_STREAM: idle_stream_kibibytes,
}


if __name__ == "__main__":
    probe, contender, url = sys.argv[1:]
    sys.stdout.write(f"{PROBES[probe](contender, url)}\n")
