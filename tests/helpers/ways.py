"""The twelve ways to ask, each to the same outcome. For tests and benchmarks."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from canaries import HEADER, KEY, assert_clean
from fault_table import PLAIN, STREAM, Fault
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.exceptions import ModelError
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool

from grayswan_core import APIError, ChatRequest, ClientConfig, CygnetClient, Message, Timeout
from grayswan_core.completion.completion import CompletionCall, acomplete, astream, complete, stream
from langchain_grayswan import ChatGraySwan
from llama_index_grayswan import GraySwan


@dataclass
class Outcome:
    """What came of a call.

    Attributes:
        text: All the text handed out.
        error: What it ended with, or None for an answer.
        calls: The tool calls of a complete answer.
        finished: Whether the framework was told that the answer is complete.
    """

    text: str = ""
    error: BaseException | None = None
    calls: list[Any] = field(default_factory=list)
    finished: bool | None = None


def pay(amount: int) -> str:
    """Pay an amount."""
    return str(amount)


TOOL = {
    "type": "function",
    "function": {
        "name": "pay",
        "description": "Pay an amount.",
        "parameters": {"type": "object", "properties": {"amount": {"type": "integer"}}},
    },
}


def settings(url: str, fault: Fault, timeout: Timeout | None, **more: Any) -> dict[str, Any]:
    given = {"max_retries": 0, "limits": fault.limits, **more}
    if timeout is not None:
        given["timeout"] = timeout
    return {"api_key": KEY, "base_url": url, "default_headers": {"x-gateway": HEADER}, **given}


_CLIENTS = ("http_client", "http_async_client", "transport")


class _Core:
    """The core, as the adapters use it."""

    def __init__(self, url: str, fault: Fault, timeout: Timeout | None, **more: Any) -> None:
        given = settings(url, fault, timeout, **more)
        headers = given.pop("default_headers")
        clients = {name: given.pop(name) for name in _CLIENTS if name in given}
        self.client = CygnetClient(ClientConfig.resolve(headers=headers, **given), **clients)
        request = ChatRequest(
            model="cygnet",
            messages=[Message(role="user", content="Hello")],
            tools=[TOOL] if fault.tools else None,
        )
        self.what = CompletionCall(request)

    def plain(self, outcome: Outcome) -> None:
        _take_response(outcome, complete(self.client, self.what))

    async def aplain(self, outcome: Outcome) -> None:
        _take_response(outcome, await acomplete(self.client, self.what))

    def stream(self, outcome: Outcome) -> None:
        with closing(stream(self.client, self.what)) as chunks:
            for chunk in chunks:
                _take_chunk(outcome, chunk)

    async def astream(self, outcome: Outcome) -> None:
        async for chunk in astream(self.client, self.what):
            _take_chunk(outcome, chunk)

    def close(self) -> None:
        self.client.close()

    async def aclose(self) -> None:
        await self.client.aclose()


def _take_response(outcome: Outcome, response: Any) -> None:
    outcome.text = response.choices[0].message.content or ""
    outcome.calls = response.choices[0].message.tool_calls or []


def _take_chunk(outcome: Outcome, chunk: Any) -> None:
    outcome.text += "".join(
        choice.get("delta", {}).get("content") or "" for choice in chunk.get("choices", ())
    )


class _Ends(BaseCallbackHandler):
    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        outcome.finished = False

    def on_llm_end(self, response: Any, **_: Any) -> None:
        self.outcome.finished = True


class LangChain:
    """A LangChain chat model, ours or another."""

    def __init__(self, model: Any, fault: Fault) -> None:
        self.model = model
        self.asked = model.bind_tools([pay]) if fault.tools else model

    def plain(self, outcome: Outcome) -> None:
        self._take(outcome, [self.asked.invoke("Hello", **_watched(outcome))])

    async def aplain(self, outcome: Outcome) -> None:
        self._take(outcome, [await self.asked.ainvoke("Hello", **_watched(outcome))])

    def stream(self, outcome: Outcome) -> None:
        chunks = []
        for chunk in self.asked.stream("Hello", **_watched(outcome)):
            outcome.text += chunk.text
            chunks.append(chunk)
        self._take(outcome, chunks)

    async def astream(self, outcome: Outcome) -> None:
        chunks = []
        async for chunk in self.asked.astream("Hello", **_watched(outcome)):
            outcome.text += chunk.text
            chunks.append(chunk)
        self._take(outcome, chunks)

    def _take(self, outcome: Outcome, messages: list[Any]) -> None:
        if messages:
            whole = messages[0] if len(messages) == 1 else messages[0].__add__(messages[1:])
            outcome.text, outcome.calls = whole.text, whole.tool_calls

    def close(self) -> None:
        if hasattr(self.model, "close"):
            self.model.close()

    async def aclose(self) -> None:
        if hasattr(self.model, "aclose"):
            await self.model.aclose()


def _watched(outcome: Outcome) -> dict[str, Any]:
    return {"config": {"callbacks": [_Ends(outcome)]}}


class LlamaIndex:
    """A LlamaIndex LLM, ours or another."""

    def __init__(self, llm: Any, fault: Fault) -> None:
        self.llm = llm
        self.messages = [ChatMessage(role="user", content="Hello")]
        self.asked = {}
        if fault.tools:
            tools = [FunctionTool.from_defaults(pay)]
            self.asked = llm._prepare_chat_with_tools(tools, user_msg="Hello")
            self.messages = self.asked.pop("messages")

    def plain(self, outcome: Outcome) -> None:
        self._take(outcome, [self.llm.chat(self.messages, **self.asked)])

    async def aplain(self, outcome: Outcome) -> None:
        self._take(outcome, [await self.llm.achat(self.messages, **self.asked)])

    def stream(self, outcome: Outcome) -> None:
        self._take(outcome, self.llm.stream_chat(self.messages, **self.asked))

    async def astream(self, outcome: Outcome) -> None:
        last = None
        async for last in await self.llm.astream_chat(self.messages, **self.asked):
            outcome.text = last.message.content or ""
        self._take(outcome, [last] if last is not None else [])

    def _take(self, outcome: Outcome, responses: Iterable[Any]) -> None:
        last = None
        for last in responses:
            outcome.text = last.message.content or ""
        if last is not None and hasattr(self.llm, "get_tool_calls_from_response"):
            outcome.calls = self.llm.get_tool_calls_from_response(last, error_on_no_tool_call=False)

    def close(self) -> None:
        if hasattr(self.llm, "close"):
            self.llm.close()

    async def aclose(self) -> None:
        if hasattr(self.llm, "aclose"):
            await self.llm.aclose()


def _our_langchain(url: str, fault: Fault, timeout: Timeout | None, **more: Any) -> LangChain:
    return LangChain(ChatGraySwan(**settings(url, fault, timeout, **more)), fault)


def _our_llama_index(url: str, fault: Fault, timeout: Timeout | None, **more: Any) -> LlamaIndex:
    return LlamaIndex(GraySwan(**settings(url, fault, timeout, **more)), fault)


Maker = Callable[..., Any]

OURS: dict[str, Maker] = {"core": _Core, "langchain": _our_langchain, "llama": _our_llama_index}


def outcome_of(
    make: Maker,
    how: str,
    url: str,
    fault: Fault,
    *,
    timeout: Timeout | None = None,
    is_async: bool = False,
    **more: Any,
) -> Outcome:
    """Ask one way, and tell what came of it.

    Args:
        make: What to ask: a value of `OURS`, or its like.
        how: `plain` or `stream`.
        url: Where the server is.
        fault: What it plays.
        timeout: How long things may take.
        is_async: Whether to ask on an event loop.
        **more: Further settings.
    """
    outcome = Outcome()
    asker = make(url, fault, timeout, **more)

    async def on_a_loop() -> None:
        try:
            await {PLAIN: asker.aplain, STREAM: asker.astream}[how](outcome)
        finally:
            await asker.aclose()

    try:
        if is_async:
            asyncio.run(on_a_loop())
        else:
            {PLAIN: asker.plain, STREAM: asker.stream}[how](outcome)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what came of it
        outcome.error = error
    finally:
        asker.close()
    return outcome


def is_of_the_family(make: Maker, error: BaseException) -> bool:
    """Whether an error is of the framework's own family, where it has one."""
    return make is not _our_langchain or isinstance(error, ModelError)


def check_failure(way: tuple[str, bool], fault: Fault, outcome: Outcome) -> None:
    """The error is the one that the fault must end in, and holds what had come."""
    error = outcome.error
    assert fault.error is not None, way
    assert isinstance(error, fault.error), (way, repr(error))
    assert isinstance(error, APIError), way
    assert is_of_the_family(OURS[way[0]], error), way
    assert fault.says in error.message, way
    said = (error.is_retryable, error.status_code, error.retry_after)
    assert (way, fault.again, fault.status, fault.after) == (way, *said)
    assert outcome.text.startswith(fault.text), way
    assert error.partial_text.startswith(fault.text), way
    assert ([], False) == (outcome.calls, bool(outcome.finished)), way
    origin = error.__cause__ if isinstance(error.__cause__, APIError) else error
    assert fault.caused in {None, origin.__cause__ is not None}, way
    assert_clean(error)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(error), error.message) == (type(copy), copy.message), way
