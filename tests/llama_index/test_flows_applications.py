"""Whole applications as their users write them, on the local server."""

from __future__ import annotations

import pytest
from llama_index.core.agent.workflow import (
    AgentStream,
    AgentWorkflow,
    FunctionAgent,
    ToolCallResult,
)
from llama_index.core.base.llms.types import TextBlock, ToolCallBlock
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer, Memory
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai import OpenAI
from raw_responses import call, delta, streamed

from grayswan_core.cygnal.recipes import cygnal_settings
from grayswan_devserver import Answer, Call

pytestmark = [
    pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:is_running called from within a step"),
]

KEY = "not-a-real-key-0123456789"


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def run(agent, *args, **kwargs):
    handler = agent.run(*args, **kwargs)
    events = [event async for event in handler.stream_events()]
    return await handler, events


# --- a workflow that tells by the first response whether a tool is called -------------------------


async def calls_or_text(llm, tools, question):
    """As create-llama's workflows read a stream: its first response decides how it goes on."""
    stream = await llm.astream_chat_with_tools(tools, chat_history=[ChatMessage(question)])
    first = await anext(stream)
    if "tool_calls" not in first.message.additional_kwargs:
        return first.delta + "".join([each.delta async for each in stream])
    *_, last = [first, *[each async for each in stream]]
    return [each.tool_kwargs for each in llm.get_tool_calls_from_response(last)]


@pytest.mark.parametrize(
    "opening",
    [{"role": "assistant"}, {"role": "assistant", "content": None}, {"content": ""}, None],
    ids=str,
)
async def test_the_first_response_says_whether_a_tool_is_called(llm, grayswan_server, opening):
    before = [] if opening is None else [delta(opening)]
    made = {"tool_calls": [call("add", '{"a": 1, "b": 2}', id="c1", index=0)]}
    grayswan_server.script(
        streamed(*before, delta(made), delta({}, "tool_calls")),
        streamed(*before, delta({"content": "Hel"}), delta({"content": "lo"}), delta({}, "stop")),
    )
    tools = [FunctionTool.from_defaults(add)]
    assert await calls_or_text(llm, tools, "Add.") == [{"a": 1, "b": 2}]
    assert await calls_or_text(llm, tools, "Hello") == "Hello"


# --- a conversation whose model is another one from turn to turn ----------------------------------


@pytest.fixture
async def openai(grayswan_server):
    """Another provider's class, which asks the same server."""
    given = cygnal_settings(
        api_key=KEY, base_url=grayswan_server.url, policy_id="p", address="api_base"
    )
    llm = OpenAI(model="gpt-4o", api_key=KEY, max_retries=0, **given)
    yield llm
    await llm._get_aclient().close()


def now() -> str:
    """Tell the time."""
    return "noon"


@pytest.mark.parametrize("streaming", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("first", ["grayswan", "openai"])
async def test_a_model_is_swapped_in_mid_conversation(
    llm, openai, grayswan_server, first, streaming
):
    models = [llm, openai] if first == "grayswan" else [openai, llm]
    memory = Memory.from_defaults(session_id=f"{first}-{streaming}")
    try:
        for model in (*models, models[0]):
            calls = [Call("now", ""), Call("add", {"a": 1, "b": 2})]
            grayswan_server.script(Answer(tool_calls=calls), Answer("It is noon, and 3."))
            agent = FunctionAgent(tools=[now, add], llm=model, streaming=streaming)
            result, _ = await run(agent, "What time is it, and 1 + 2?", memory=memory)
            assert str(result) == "It is noon, and 3."
    finally:
        await memory.sql_store._async_engine.dispose()
    assert {request.status for request in grayswan_server.requests} == {200}
    messages = grayswan_server.last.body["messages"]
    assert [m["role"] for m in messages] == [
        *["user", "assistant", "tool", "tool", "assistant"] * 2,
        *["user", "assistant", "tool", "tool"],
    ]
    said = [each["function"]["arguments"] for m in messages for each in m.get("tool_calls") or ()]
    assert said[::2] == ["{}"] * 3


@pytest.mark.parametrize("named", ["add", "", None])
async def test_a_conversation_of_a_model_that_gives_calls_no_ids_goes_on(
    llm, grayswan_server, named
):
    """As Ollama's in LlamaIndex, whose results have the tool's name in the id's place."""
    calls = [ToolCallBlock(tool_name="add", tool_kwargs={"a": a, "b": 2}) for a in (1, 3)]
    results = [
        ChatMessage(each, role="tool", additional_kwargs={"tool_call_id": named})
        for each in ("3", "5")
    ]
    history = [ChatMessage("1 + 2, 3 + 2?"), ChatMessage(role="assistant", blocks=calls), *results]
    grayswan_server.script(Answer("3, and 5."))
    await run(FunctionAgent(tools=[add], llm=llm), "So?", chat_history=history)
    _, said, *answers, _ = grayswan_server.last.body["messages"]
    sent = [each["id"] for each in said["tool_calls"]]
    assert all(sent)
    assert [(each["role"], each["tool_call_id"], each["content"]) for each in answers] == [
        ("tool", sent[0], "3"),
        ("tool", sent[1], "5"),
    ]


# --- several agents -------------------------------------------------------------------------------


async def test_agents_with_parallel_calls_keep_results_and_calls_together(llm, grayswan_server):
    def weather(city: str) -> str:
        """Tell the weather of a city."""
        return f"sunny in {city}"

    given = {"llm": llm, "tools": [weather, add]}
    lead = FunctionAgent(name="lead", description="l", can_handoff_to=["help"], **given)
    helper = FunctionAgent(name="help", description="h", can_handoff_to=["lead"], **given)
    grayswan_server.script(
        Answer(tool_calls=[Call("weather", {"city": each}) for each in ("Paris", "Rome")]),
        Answer(
            tool_calls=[
                Call("add", {"a": 1, "b": 2}),
                Call("handoff", {"to_agent": "help", "reason": "r"}),
            ]
        ),
        Answer(tool_calls=[Call("add", {"a": 3, "b": 4}), Call("add", '{"a": 3')]),
        Answer("Sunny, 3 and 7."),
    )
    workflow = AgentWorkflow(agents=[lead, helper], root_agent="lead")
    memory = ChatMemoryBuffer.from_defaults(token_limit=9000)
    result, events = await run(workflow, "The weather, and some sums.", memory=memory)
    assert (str(result), result.current_agent_name) == ("Sunny, 3 and 7.", "help")
    made = [event for event in events if type(event) is ToolCallResult]
    assert len(made) == 6
    assert len({each.tool_id for each in made}) == 6
    assert [each.tool_output.is_error for each in made].count(True) == 1
    assert any(type(event) is AgentStream for event in events)
    for request in grayswan_server.requests:
        assert request.status == 200
        called: set[str] = set()
        for message in request.body["messages"]:
            called |= {each["id"] for each in message.get("tool_calls") or ()}
            assert message["role"] != "tool" or message["tool_call_id"] in called


# --- a tool server --------------------------------------------------------------------------------


async def test_a_list_that_a_tool_server_returns_is_sent_one_line_each(llm, grayswan_server):
    """An MCP server answers with one block of text for each item of a list."""

    async def rooms() -> list[TextBlock]:
        """List the rooms."""
        return [TextBlock(text=text) for text in ("2", "3", "5")]

    grayswan_server.script(Answer(tool_calls=[Call("rooms")]), Answer("2, 3 and 5."))
    tool = FunctionTool.from_defaults(async_fn=rooms)
    result, _ = await run(FunctionAgent(tools=[tool], llm=llm), "Which rooms?")
    assert str(result) == "2, 3 and 5."
    assert grayswan_server.last.body["messages"][-1]["content"] == "2\n3\n5"


async def test_a_workflow_step_reads_calls_in_its_own_loop(llm, grayswan_server):
    """A loop of one's own, as LlamaIndex's documentation shows it: a tool that is not found, and
    arguments that cannot be read, are told to the model."""
    tools = {"add": FunctionTool.from_defaults(add)}
    grayswan_server.script(
        Answer(tool_calls=[Call("add", "{'a': 1}"), Call("add", {"a": 1, "b": 2})]),
        Answer("It is 3."),
    )
    history = [ChatMessage("What is 1 + 2?")]
    for _ in range(3):
        response = await llm.achat_with_tools(
            list(tools.values()), chat_history=history, allow_parallel_tool_calls=True
        )
        history.append(response.message)
        calls = llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)
        if not calls:
            break
        for made in calls:
            tool = tools.get(made.tool_name)
            text = str(tool(**made.tool_kwargs)) if tool else f"Tool {made.tool_name} not found"
            about = {"tool_call_id": made.tool_id, "name": made.tool_name}
            history.append(ChatMessage(text, role="tool", additional_kwargs=about))
    assert response.message.content == "It is 3."
    told = [m["content"] for m in grayswan_server.last.body["messages"] if m["role"] == "tool"]
    assert told[1] == "3"
    assert "not a JSON object" in told[0]
