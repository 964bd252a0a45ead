"""Where a chunk's time goes: a burst, cut off after each layer. Run it as a module.

The difference between two lines is what the one has and the other has not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from benchmarks.performance.bare import KEY, QUESTION, Bare
from benchmarks.performance.measuring import in_turns
from benchmarks.performance.server import running_server

__all__ = ["layers"]

_CHUNKS = 1000
_ROUNDS = 15

_T = TypeVar("_T")


def layers(url: str) -> dict[str, Callable[[], int]]:
    """The work up to each layer."""
    from langchain_core.messages import HumanMessage
    from langchain_core.outputs import ChatGenerationChunk
    from llama_index.core.llms import ChatMessage, ChatResponse

    from benchmarks.performance.floors import LangChainFloor, LlamaIndexFloor
    from grayswan_core import ChatRequest, Message
    from langchain_grayswan import ChatGraySwan
    from llama_index_grayswan import GraySwan

    bare = Bare(url)
    chat = ChatGraySwan(base_url=url, api_key=KEY)
    llm = GraySwan(base_url=url, api_key=KEY)
    request = ChatRequest(model="cygnet", messages=[Message(role="user", content=QUESTION)])
    asked = [{"role": "user", "content": QUESTION}]
    question = [ChatMessage(role="user", content=QUESTION)]

    class LangChainOverHttpx(LangChainFloor):
        def _chunks(self) -> Iterator[ChatGenerationChunk]:
            return _in_step(self._ready, bare.stream(asked))

    class LlamaIndexOverHttpx(LlamaIndexFloor):
        def _responses(self) -> Iterator[ChatResponse]:
            return _in_step(self._ready, bare.stream(asked))

    langchain = LangChainOverHttpx(chunks=2 * _CHUNKS)
    llama_index = LlamaIndexOverHttpx(chunks=2 * _CHUNKS)

    return {
        "httpx: the bytes": lambda: _count(bare.pieces(asked)),
        "bare httpx: events and JSON too": lambda: _count(bare.stream(asked)),
        "LangChain's loop over that, chunks made before": lambda: _count(
            langchain.stream(QUESTION)
        ),
        "LlamaIndex's loop over that, responses made before": lambda: _count(
            llama_index.stream_chat(question)
        ),
        "the core: chunks, checked": lambda: _count(chat.client.stream(request)),
        "ChatGraySwan's hook: LangChain's objects": lambda: _count(
            chat._stream([HumanMessage(QUESTION)])  # noqa: SLF001 - the hook is what is measured
        ),
        "ChatGraySwan: LangChain's own loop": lambda: _count(chat.stream(QUESTION)),
        "GraySwan: LlamaIndex's objects and loop": lambda: _count(llm.stream_chat(question)),
    }


def _in_step(made_before: Sequence[_T], chunks: Iterator[object]) -> Iterator[_T]:
    for made, _ in zip(made_before, chunks, strict=False):
        yield made


def _count(items: Iterator[object]) -> int:
    return sum(1 for _ in items)


def main() -> None:
    """Measure, and print a line for each layer."""
    with running_server() as server:
        samples = in_turns(layers(f"{server}/burst-{_CHUNKS}"), rounds=_ROUNDS)
    for name, each in samples.items():
        found = each.summary()
        sys.stdout.write(f"{found['cpu_us']:7.1f} µs  {name}\n")


if __name__ == "__main__":
    main()
