"""What is measured in an interpreter of its own: imports, new models, memory, time to first token.

Each probe prints one number. `python -m benchmarks.performance.probes PROBE CONTENDER URL` runs
one.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Callable
from typing import Any

__all__ = ["IMPORTS", "PROBES"]

IMPORTS = {
    "langchain_core.language_models": "from langchain_core.language_models import BaseChatModel",
    "ChatGraySwan": "from langchain_grayswan import ChatGraySwan",
    "ChatOpenAI": "from langchain_openai import ChatOpenAI",
    "llama_index.core.llms": (
        "from llama_index.core.llms.function_calling import FunctionCallingLLM"
    ),
    "GraySwan": "from llama_index.llms.grayswan import GraySwan",
    "OpenAILike": "from llama_index.llms.openai_like import OpenAILike",
    "httpx": "import httpx",
}
"""What is imported, and for the two frameworks what stands below each."""

_STREAMS = 100
_MODELS = 1000


def new_model_microseconds(contender: str, url: str) -> float:
    """CPU of one more model object, after the first."""
    make = _maker(contender, url)
    make()
    begun = time.process_time()
    for _ in range(100):
        make()
    return (time.process_time() - begun) / 100 * 1e6


def models_kibibytes(contender: str, url: str) -> float:
    """Memory of one of a thousand model objects."""
    make = _maker(contender, url)
    make()
    before = _resident()
    kept = [make() for _ in range(_MODELS)]
    return (_resident() - before) / len(kept) / 1024


def idle_stream_kibibytes(contender: str, url: str) -> float:
    """Memory of one of a hundred streams that have begun and wait for more."""
    begin = _stream_beginner(contender, url)

    async def hold() -> float:
        warm = await begin()
        before = _resident()
        kept = [await begin() for _ in range(_STREAMS)]
        used = (_resident() - before) / len(kept) / 1024
        del warm
        return used

    return asyncio.run(hold())


def _maker(contender: str, url: str) -> Callable[[], Any]:
    settings: dict[str, Any] = {"base_url": url, "api_key": "fake-benchmark-key"}
    if contender.endswith(", aiohttp"):
        from grayswan_core.aiohttp_client import aiohttp_client

        settings["http_async_client"] = aiohttp_client
    if contender.startswith("ChatGraySwan"):
        from langchain_grayswan import ChatGraySwan

        return lambda: ChatGraySwan(**settings)
    if contender == "ChatOpenAI":
        from langchain_openai import ChatOpenAI

        return lambda: ChatOpenAI(base_url=url, api_key="fake-benchmark-key", model="cygnet")
    if contender.startswith("GraySwan"):
        from llama_index_grayswan import GraySwan

        return lambda: GraySwan(**settings)
    from llama_index.llms.openai_like import OpenAILike

    return lambda: OpenAILike(api_base=url, api_key="fake-benchmark-key", model="cygnet")


def _stream_beginner(contender: str, url: str) -> Callable[[], Any]:
    """Begins one stream, waits for its first chunk, and gives what keeps it open."""
    if contender == "LangChain floor":
        from benchmarks.performance.floors import LangChainFloor

        return _held(LangChainFloor(chunks=5).astream)
    if contender == "the core alone":
        from grayswan_core import ChatRequest, ClientConfig, CygnetClient, Message

        client = CygnetClient(ClientConfig.resolve(api_key="fake-benchmark-key", base_url=url))
        asked = ChatRequest(messages=[Message(role="user", content="Count.")], model="cygnet")
        return _held(lambda _: client.astream(asked))
    if contender == "bare httpx":
        import httpx

        bare = httpx.AsyncClient(limits=httpx.Limits(max_connections=None))

        async def begin_bare() -> object:
            request = bare.build_request("POST", url + "/x", json={"stream": True})
            response = await bare.send(request, stream=True)
            pieces = response.aiter_raw()
            await anext(pieces)
            return response, pieces

        return begin_bare
    model = _maker(contender, url)()

    async def begin() -> object:
        if contender.startswith(("GraySwan", "OpenAILike")):
            from llama_index.core.llms import ChatMessage

            chunks = await model.astream_chat([ChatMessage(role="user", content="Count.")])
        else:
            chunks = model.astream("Count.")
        await anext(chunks)
        return chunks

    return begin


def _held(stream: Callable[[str], Any]) -> Callable[[], Any]:
    async def begin() -> object:
        chunks = stream("Count.")
        await anext(chunks)
        return chunks

    return begin


def _resident() -> int:
    gc.collect()
    with open("/proc/self/statm") as statm:  # noqa: PTH123 - a file of the kernel's
        return int(statm.read().split()[1]) * 4096


PROBES: dict[str, Callable[[str, str], float]] = {
    "new model, us": new_model_microseconds,
    "model, KiB": models_kibibytes,
    "idle stream, KiB": idle_stream_kibibytes,
}


if __name__ == "__main__":
    probe, contender, url = sys.argv[1:]
    sys.stdout.write(f"{PROBES[probe](contender, url)}\n")
