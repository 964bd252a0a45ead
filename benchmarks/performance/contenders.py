"""What is compared: the same work for each model, made ready in one place.

Every stream is read to its end and gives the number of its chunks, so that a contender that
loses chunks is seen.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import BaseModel

from benchmarks.performance.bare import QUESTION
from benchmarks.performance.models import LANGCHAIN, LLAMA_INDEX
from benchmarks.performance.wire import TOOL

__all__ = ["CONTENDERS", "Contender"]


@dataclass(frozen=True)
class Contender:
    """One thing to measure.

    Attributes:
        name: What the reader sees.
        call: One request; waits for all of its response.
        acall: `call`, async.
        stream: The same as a stream; gives the number of its chunks.
        astream: `stream`, async; gives each chunk's lateness in seconds, where it is paced.
        calling: Makes a call with so many tools.
        tool_stream: A stream of a tool's call; gives the number of its chunks.
        structured: A stream of structured output; gives the last output's text.
        events: A stream of LangChain's protocol events; gives the number of its deltas.
    """

    name: str
    call: Callable[[], object]
    acall: Callable[[], Awaitable[object]]
    stream: Callable[[], int]
    astream: Callable[[], Awaitable[list[float]]]
    calling: Callable[[int], Callable[[], object]]
    tool_stream: Callable[[], int]
    structured: Callable[[], str]
    events: Callable[[], int] | None = None


class Report(BaseModel):
    """What was found."""

    text: str


_SCHEMA = Report.model_json_schema()


def _count(chunks: Iterator[Any]) -> int:
    return sum(1 for _ in chunks)


async def _late(chunks: AsyncIterator[Any], text_of: Callable[[Any], str]) -> list[float]:
    found = []
    async for chunk in chunks:
        sent = text_of(chunk)
        if sent[:1].isdigit():
            found.append(time.monotonic() - float(sent))
    return found


def _functions(count: int) -> list[Callable[..., str]]:
    def function(number: int) -> Callable[..., str]:
        def look_up(city: str, days: int = 3, unit: str = "celsius") -> str:
            """Look up the weather of a city for some days, in a unit of temperature."""
            return f"{city} {days} {unit}"

        look_up.__name__ = f"look_up_{number}"
        return look_up

    return [function(number) for number in range(count)]


def _langchain(name: str, url: str) -> Contender:
    from langchain_core.tools import tool

    model = LANGCHAIN[name](url)
    given = {"method": "function_calling"} if name == "ChatOpenAI" else {}
    structured = model.with_structured_output(_SCHEMA, **given)
    with_tool = model.bind_tools([_SCHEMA])

    def calling(count: int) -> Callable[[], object]:
        bound = model.bind_tools([tool(function) for function in _functions(count)])
        return lambda: bound.invoke(QUESTION)

    def whole() -> str:
        *_, last = structured.stream(QUESTION)
        return str(last["text"])

    def events() -> int:
        found = model.stream_events(QUESTION, version="v3")
        return sum(event["event"] == "content-block-delta" for event in found)

    return Contender(
        name,
        call=lambda: model.invoke(QUESTION),
        acall=lambda: model.ainvoke(QUESTION),
        stream=lambda: _count(model.stream(QUESTION)),
        astream=lambda: _late(model.astream(QUESTION), lambda chunk: chunk.text),
        calling=calling,
        tool_stream=lambda: _count(with_tool.stream(QUESTION)),
        structured=whole,
        events=events,
    )


def _llama_index(name: str, url: str) -> Contender:
    from llama_index.core.llms import ChatMessage
    from llama_index.core.program.function_program import get_function_tool
    from llama_index.core.prompts import PromptTemplate
    from llama_index.core.tools import FunctionTool

    llm = LLAMA_INDEX[name](url)
    messages = [ChatMessage(role="user", content=QUESTION)]
    prompt = PromptTemplate(QUESTION)

    async def astream() -> list[float]:
        return await _late(await llm.astream_chat(messages), lambda chunk: chunk.delta or "")

    def calling(count: int) -> Callable[[], object]:
        tools = [FunctionTool.from_defaults(function) for function in _functions(count)]
        return lambda: llm.chat_with_tools(tools, chat_history=messages)

    def tool_stream() -> int:
        tools = [get_function_tool(Report)]
        return _count(llm.stream_chat_with_tools(tools, chat_history=messages))

    def whole() -> str:
        *_, last = llm.stream_structured_predict(Report, prompt)
        return str(last.text)

    return Contender(
        name,
        call=lambda: llm.chat(messages),
        acall=lambda: llm.achat(messages),
        stream=lambda: _count(llm.stream_chat(messages)),
        astream=astream,
        calling=calling,
        tool_stream=tool_stream,
        structured=whole,
    )


assert Report.__name__ == TOOL  # noqa: S101 - the server calls it by that name

CONTENDERS: dict[str, Callable[[str], Contender]] = {
    **{name: partial(_langchain, name) for name in LANGCHAIN},
    **{name: partial(_llama_index, name) for name in LLAMA_INDEX},
}
