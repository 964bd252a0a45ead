"""What we send, held against the types of the API's own library, `grayswan-api`."""

from __future__ import annotations

import json
from typing import Any, get_type_hints

import pytest
from gray_swan.types import ModerationCreateParams
from gray_swan.types.chat import CompletionCreateParams
from gray_swan.types.chat.completion_create_params import Message, Tool, ToolFunction
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.utils.function_calling import convert_to_openai_tool
from llama_index.core.llms import ChatMessage
from pydantic import TypeAdapter

from grayswan_core import ModerationRequest
from grayswan_devserver import DevServer
from langchain_grayswan import ChatGraySwan, DataMessage
from llama_index_grayswan import GraySwan, data_message

# The one model name the library's types know.
MODEL = "cygnet-v0.2"
EVERY_SETTING = {
    "temperature": 0.5,
    "max_tokens": 50,
    "top_p": 0.9,
    "frequency_penalty": 0.1,
    "n": 1,
    "moderate_before": True,
}


def get_weather(place: str) -> str:
    """Tell the weather at a place."""
    return place


def assert_fits(body: dict[str, Any]) -> None:
    """The body holds the types' fields, with their types, and no others."""
    TypeAdapter(CompletionCreateParams).validate_python(body)
    assert set(body) <= set(get_type_hints(CompletionCreateParams))
    for message in body["messages"]:
        assert set(get_type_hints(Message)) == set(message)
    for tool in body.get("tools", ()):
        assert set(get_type_hints(Tool)) == set(tool)
        assert set(get_type_hints(ToolFunction)) == set(tool["function"])


@pytest.mark.parametrize("stream", [False, True])
def test_langchain_bodies_fit_the_librarys_types(stream):
    messages = [
        SystemMessage("Be brief."),
        HumanMessage("What is the weather?"),
        DataMessage("It rains."),
        AIMessage("Rain."),
        HumanMessage("And in Ohio?"),
    ]
    with DevServer() as server:
        model = ChatGraySwan(base_url=server.url, api_key="fake-key", model=MODEL, **EVERY_SETTING)
        arguments = {"tools": [convert_to_openai_tool(get_weather)], "tool_choice": "get_weather"}
        if stream:
            list(model.stream(messages, **arguments))
        else:
            model.invoke(messages, **arguments)
        body = server.last.body

    assert_fits(body)
    assert {**EVERY_SETTING, "model": MODEL}.items() <= body.items()
    assert [m["role"] for m in body["messages"]] == ["system", "user", "data", "assistant", "user"]


@pytest.mark.parametrize("stream", [False, True])
def test_llama_index_bodies_fit_the_librarys_types(stream):
    messages = [
        ChatMessage(role="system", content="Be brief."),
        ChatMessage(role="user", content="What is the weather?"),
        data_message("It rains."),
    ]
    with DevServer() as server:
        llm = GraySwan(base_url=server.url, api_key="fake-key", model=MODEL, **EVERY_SETTING)
        if stream:
            list(llm.stream_chat(messages))
        else:
            llm.chat(messages)
        body = server.last.body

    assert_fits(body)
    assert {**EVERY_SETTING, "model": MODEL}.items() <= body.items()
    assert [message["role"] for message in body["messages"]] == ["system", "user", "data"]


def test_moderation_bodies_fit_the_librarys_types():
    request = ModerationRequest(input="Hello", moderation_prompt="Be strict.", rewrite=True)
    body = json.loads(request.to_body())

    TypeAdapter(ModerationCreateParams).validate_python(body)
    assert set(get_type_hints(ModerationCreateParams)) == set(body)
