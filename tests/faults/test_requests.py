"""What no request can hold, through both adapters, sync and async: refused, and nothing is sent."""

from __future__ import annotations

import asyncio
from itertools import product

import pytest
from canaries import KEY
from langchain_core.messages import AIMessage, HumanMessage
from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock

from grayswan_core import InvalidRequestError
from langchain_grayswan import ChatGraySwan
from llama_index_grayswan import GraySwan


def _deep(levels):
    value = {}
    for _ in range(levels):
        value = {"properties": {"a": value}}
    return value


def _itself():
    value = {"type": "object", "properties": {}}
    value["properties"]["again"] = value
    return value


VALUES = {
    "refers to itself": _itself(),
    "1,000 levels": _deep(1_000),
    "100,000 levels": _deep(100_000),
    "an object": {"default": object()},
    "bytes": {"default": b"\xff"},
}
NUMBERS = {"NaN": {"default": float("nan")}, "Infinity": {"maximum": float("inf")}}


def _tool(schema):
    return {"type": "function", "function": {"name": "f", "description": "", "parameters": schema}}


async def langchain(url, *, is_async, tools=None, past=None, **arguments):
    model = ChatGraySwan(api_key=KEY, base_url=url, max_retries=0)
    messages = [HumanMessage("Hello")]
    if past is not None:
        messages.append(AIMessage("", tool_calls=[{"name": "f", "args": past, "id": "1"}]))
    asked = model.bind_tools(tools) if tools else model
    if is_async:
        await asked.ainvoke(messages, **arguments)
    else:
        asked.invoke(messages, **arguments)


async def llama_index(url, *, is_async, past=None, **arguments):
    llm = GraySwan(api_key=KEY, base_url=url, max_retries=0)
    messages = [ChatMessage(content="Hello")]
    if past is not None:
        call = ToolCallBlock(tool_name="f", tool_call_id="1", tool_kwargs=past)
        messages.append(ChatMessage(role="assistant", blocks=[call]))
    if is_async:
        await llm.achat(messages, **arguments)
    else:
        llm.chat(messages, **arguments)


PLACES = {
    "a tool's schema": lambda value: {"tools": [_tool(value)]},
    "an earlier call's arguments": lambda value: {"past": value},
}
CASES = [
    *product(PLACES, VALUES),
    # A model may write NaN, and what it wrote is sent back to it as it was.
    *product(["a tool's schema"], NUMBERS),
]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("ask", [langchain, llama_index])
@pytest.mark.parametrize(("place", "name"), CASES)
def test_what_is_no_json_is_refused_and_nothing_is_sent(server, ask, is_async, place, name):
    arguments = PLACES[place]({**VALUES, **NUMBERS}[name])
    with pytest.raises(InvalidRequestError):
        asyncio.run(ask(server.url, is_async=is_async, **arguments))
    assert [] == server.requests


@pytest.mark.parametrize("ask", [langchain, llama_index])
@pytest.mark.parametrize("name", VALUES)
def test_what_is_no_tool_is_refused_however_it_looks(server, ask, name):
    with pytest.raises(InvalidRequestError) as caught:
        asyncio.run(ask(server.url, is_async=False, tools=[{"function": VALUES[name]}]))
    assert len(str(caught.value)) < 2000
    assert [] == server.requests
