"""Packages that build on LangChain's chat models, with ours on the local server."""

from __future__ import annotations

import sys
import textwrap

import pytest
from deepagents import create_deep_agent
from langchain.agents import create_agent
from langchain_core.messages import ToolMessage
from langchain_mcp_adapters.client import MultiServerMCPClient
from langgraph_supervisor import create_supervisor
from pydantic import BaseModel
from trustcall import create_extractor

from grayswan_devserver import Answer, Call


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def sent_roles(server):
    return [[message["role"] for message in each.body["messages"]] for each in server.requests]


def test_a_supervisor_hands_over_and_takes_back(chat_model, server):
    adder = create_agent(chat_model, [add], name="adder", system_prompt="You add.")
    team = create_supervisor([adder], model=chat_model, prompt="You lead.").compile()
    server.script(
        Answer(tool_calls=[Call("transfer_to_adder")]),
        Answer(tool_calls=[Call("add", {"a": 19, "b": 23})]),
        Answer("It is 42."),
        Answer("The adder says 42."),
    )
    state = team.invoke({"messages": [("user", "What is 19 + 23?")]})
    assert "The adder says 42." == state["messages"][-1].text
    assert 4 == len(server.requests)
    assert any(
        message["role"] == "tool" and message["content"] == "42"
        for message in server.requests[2].body["messages"]
    )


def test_a_deep_agent_writes_a_file_and_answers(chat_model, server):
    server.script(
        Answer(tool_calls=[Call("write_file", {"file_path": "/a.txt", "content": "Swans."})]),
        Answer("Written."),
    )
    agent = create_deep_agent(model=chat_model, tools=[add])
    state = agent.invoke({"messages": [("user", "Write a file about swans.")]})
    assert "Written." == state["messages"][-1].text
    assert "/a.txt" in state["files"]
    assert "tool" in sent_roles(server)[-1]


class Person(BaseModel):
    """A person."""

    name: str
    age: int


def test_an_extraction_that_does_not_validate_is_patched(chat_model, server):
    server.script(
        Answer(tool_calls=[Call("Person", {"name": "Ann", "age": "old"}, id="call_1")]),
        Answer(
            tool_calls=[
                Call(
                    "PatchFunctionErrors",
                    {
                        "json_doc_id": "call_1",
                        "planned_edits": "Set the age.",
                        "patches": [{"op": "replace", "path": "/age", "value": 40}],
                    },
                )
            ]
        ),
    )
    extractor = create_extractor(chat_model, tools=[Person], tool_choice="Person")
    result = extractor.invoke({"messages": [("user", "Ann is forty.")]})
    assert [Person(name="Ann", age=40)] == result["responses"]


@pytest.fixture
def mcp_server(tmp_path):
    file = tmp_path / "server.py"
    file.write_text(
        textwrap.dedent(
            """
            from mcp.server.fastmcp import FastMCP

            server = FastMCP("birds")

            @server.tool()
            def list_birds() -> list[str]:
                "List the birds."
                return ["swan", "goose"]

            @server.tool()
            def fail() -> str:
                "Fail."
                raise ValueError("no such bird")

            server.run()
            """
        )
    )
    return {"birds": {"command": sys.executable, "args": [str(file)], "transport": "stdio"}}


async def test_an_mcp_servers_list_reaches_the_model_readably(chat_model, server, mcp_server):
    tools = await MultiServerMCPClient(mcp_server).get_tools()
    server.script(Answer(tool_calls=[Call("list_birds")]), Answer("A swan and a goose."))
    state = await create_agent(chat_model, tools).ainvoke({"messages": [("user", "Which birds?")]})
    (result,) = [message for message in state["messages"] if isinstance(message, ToolMessage)]
    (sent,) = [each for each in server.last.body["messages"] if each["role"] == "tool"]
    assert "success" == result.status
    assert ["swan", "goose"] == sent["content"].split("\n")
