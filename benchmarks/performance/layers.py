"""Where a chunk's time goes: a burst, cut off after each layer. Run it as a module.

Each line does what the one above it does, and one layer more; the difference is the layer's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from benchmarks.performance.contenders import KEY, QUESTION, bare_httpx
from benchmarks.performance.measuring import in_turns
from benchmarks.performance.server import running_server

__all__ = ["layers"]

_CHUNKS = 1000
_ROUNDS = 15


def layers(url: str) -> dict[str, Callable[[], int]]:
    """The work up to each layer."""
    import httpx
    from langchain_core.messages import HumanMessage
    from llama_index.core.llms import ChatMessage

    from grayswan_core import ChatRequest, Message
    from langchain_grayswan import ChatGraySwan
    from llama_index_grayswan import GraySwan

    client = httpx.Client()
    chat = ChatGraySwan(base_url=url, api_key=KEY)
    llm = GraySwan(base_url=url, api_key=KEY)
    request = ChatRequest(model="cygnet", messages=[Message(role="user", content=QUESTION)])
    question = [ChatMessage(role="user", content=QUESTION)]

    def bytes_alone() -> int:
        with client.stream("POST", f"{url}/chat/completion", json={"stream": True}) as response:
            return _count(response.iter_raw())

    return {
        "httpx: the bytes": bytes_alone,
        "bare httpx: events and JSON too": bare_httpx(url).stream,
        "the core: chunks, checked": lambda: _count(chat.client.stream(request)),
        "ChatGraySwan's hook: LangChain's objects": lambda: _count(
            chat._stream([HumanMessage(QUESTION)])  # noqa: SLF001 - the hook is what is measured
        ),
        "ChatGraySwan: LangChain's own loop": lambda: _count(chat.stream(QUESTION)),
        "GraySwan: LlamaIndex's objects and loop": lambda: _count(llm.stream_chat(question)),
    }


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
