"""Whole applications as users of other integrations report them, on the local server.

The numbers are those of public issues.
"""

from __future__ import annotations

import json
import sys

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelFallbackMiddleware, SummarizationMiddleware
from langchain.agents.structured_output import ToolStrategy
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import StructuredTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from pydantic import BaseModel

from grayswan_devserver import Answer, Call, RawResponse
from langchain_grayswan import ChatGraySwan
from langchain_grayswan.errors import ToolCallArgumentsError, ToolCallMissingError

THREAD = {"configurable": {"thread_id": "1"}}
HOWS = pytest.mark.parametrize("how", ["invoke", "ainvoke", "messages", "amessages"])


@tool
def get_weather(city: str) -> str:
    """Get the weather in a city."""
    return f"sunny in {city}"


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Report(BaseModel):
    """A weather report."""

    city: str
    degrees: int


async def run(agent, how, asked, config=None):
    """The last state of an agent that is invoked, or streamed as chat interfaces do."""
    given = {"messages": asked}
    if how == "invoke":
        return agent.invoke(given, config)
    if how == "ainvoke":
        return await agent.ainvoke(given, config)
    modes = ["messages", "values"]
    if how == "messages":
        parts = list(agent.stream(given, config, stream_mode=modes))
    else:
        parts = [part async for part in agent.astream(given, config, stream_mode=modes)]
    return [state for mode, state in parts if mode == "values"][-1]


@HOWS
async def test_parallel_calls_of_a_supervisor(model, server, how):
    """langgraph #6431: results of workers that answer at once are taken for one another's."""

    @tool
    def meteorologist(question: str) -> str:
        """Ask the meteorologist."""
        server.script(Answer(tool_calls=[Call("get_weather", {"city": question})]), Answer("Sun."))
        worker = create_agent(model, tools=[get_weather])
        return worker.invoke({"messages": [("human", question)]})["messages"][-1].text

    @tool
    def accountant(question: str) -> str:
        """Ask the accountant."""
        return f"{question}: 5"

    asked = [Call("meteorologist", {"question": "Rome"}), Call("accountant", {"question": "2+3"})]
    server.script(Answer("Let me ask.", tool_calls=asked))
    supervisor = create_agent(model, tools=[meteorologist, accountant])
    state = await run(supervisor, how, [("human", "Weather in Rome, and 2+3?")])

    _, calling, *results, last = state["messages"]
    assert [call["name"] for call in calling.tool_calls] == ["meteorologist", "accountant"]
    assert {result.tool_call_id: result.name for result in results} == {
        call["id"]: call["name"] for call in calling.tool_calls
    }
    assert last.text
    assert len({message.id for message in state["messages"]}) == len(state["messages"])


@HOWS
async def test_the_list_of_an_mcp_servers_tool(model, server, how):
    """langchain-mcp-adapters #421, langchain #34669: each item of a list is a block of its own."""
    blocks = [{"type": "text", "text": str(number)} for number in (2, 3, 5)]
    primes = StructuredTool(
        name="primes",
        description="Some primes.",
        args_schema={"type": "object", "properties": {}},
        func=lambda: (blocks, None),
        coroutine=lambda: _soon((blocks, None)),
        response_format="content_and_artifact",
    )
    server.script(Answer(tool_calls=[Call("primes", "null")]), Answer("2, 3 and 5"))
    state = await run(create_agent(model, tools=[primes]), how, [("human", "Primes?")])

    assert state["messages"][-1].text == "2, 3 and 5"
    calling, result = server.last.body["messages"][-2:]
    assert calling["tool_calls"][0]["function"]["arguments"] == "{}"
    assert result["content"] == "2\n3\n5"


async def _soon(value):
    return value


@HOWS
async def test_the_summary_of_a_long_thread(model, server, how):
    """langchain #33787: what is left after a summary must still be a conversation."""
    profile = {**model.profile, "max_input_tokens": 500}
    small = model.model_copy(update={"profile": profile})
    middleware = SummarizationMiddleware(small, trigger=("fraction", 0.5), keep=("messages", 3))
    agent = create_agent(
        small, tools=[get_weather], middleware=[middleware], checkpointer=InMemorySaver()
    )
    history = [
        HumanMessage("x" * 2000),
        AIMessage("", tool_calls=[{"id": "1", "name": "get_weather", "args": {"city": "Rome"}}]),
        ToolMessage("y" * 400, tool_call_id="1"),
        AIMessage("Sunny."),
    ]
    server.script(Answer("They spoke of Rome."), Answer("Yes."), Answer("Bye."))
    await run(agent, how, [*history, ("human", "Is it?")], THREAD)
    state = await run(agent, how, [("human", "Thank you.")], THREAD)

    sent = server.last.body["messages"]
    assert "They spoke of Rome." in sent[0]["content"]
    called = {call["id"] for each in sent for call in each.get("tool_calls") or ()}
    assert {each["tool_call_id"] for each in sent if each["role"] == "tool"} <= called
    assert state["messages"][-1].text == "Bye."


ANTHROPIC = AIMessage(
    [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"query": "q"}},
        {"type": "web_search_tool_result", "tool_use_id": "srv", "content": []},
        {"type": "text", "text": "Let me see.", "citations": [{"type": "char_location"}]},
        {"type": "tool_use", "id": "1", "name": "get_weather", "input": {"city": "Rome"}},
    ],
    tool_calls=[{"id": "1", "name": "get_weather", "args": {"city": "Rome"}}],
    response_metadata={"model_provider": "anthropic"},
    id="msg_1",
)
OPENAI = AIMessage(
    [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "text", "text": "Let me see.", "annotations": []},
        {"type": "function_call", "id": "fc_1", "call_id": "1", "name": "get_weather",
         "arguments": '{"city": "Rome"}'},
    ],
    tool_calls=[{"id": "1", "name": "get_weather", "args": {"city": "Rome"}}],
    response_metadata={"model_provider": "openai"},
    id="resp_1",
)  # fmt: skip
BEDROCK = AIMessage(
    [
        {"type": "reasoning_content", "reasoning_content": {"text": "hm", "signature": "s"}},
        {"type": "text", "text": "Let me see."},
        {"type": "tool_use", "id": "1", "name": "get_weather", "input": {"city": "Rome"}},
        {"cachePoint": {"type": "default"}},
    ],
    tool_calls=[{"id": "1", "name": "get_weather", "args": {"city": "Rome"}}],
    id="run-1",
)
STANDARD = AIMessage(
    content_blocks=[
        {"type": "reasoning", "reasoning": "hm"},
        {"type": "server_tool_call", "id": "srv", "name": "web_search", "args": {}},
        {"type": "server_tool_result", "tool_call_id": "srv", "status": "success"},
        {"type": "text", "text": "Let me see."},
        {"type": "tool_call", "id": "1", "name": "get_weather", "args": {"city": "Rome"}},
        {"type": "non_standard", "value": {"thought_signature": "s"}},
    ],
    response_metadata={"output_version": "v1"},
)


@HOWS
@pytest.mark.parametrize(
    "begun", [ANTHROPIC, OPENAI, BEDROCK, STANDARD], ids=["Anthropic", "OpenAI", "Bedrock", "v1"]
)
async def test_a_model_that_is_swapped_in_in_mid_conversation(model, server, how, begun):
    """langchain #31279, #31280; langchain-aws #444."""
    cached = {"cachePoint": {"type": "default"}}
    history = [
        SystemMessage([{"type": "text", "text": "Be brief."}, cached]),
        HumanMessage([{"type": "text", "text": "Rome?"}, cached]),
        begun,
        ToolMessage("sunny", tool_call_id="1"),
    ]
    agent = create_agent(model, tools=[get_weather], checkpointer=InMemorySaver())
    agent.update_state(THREAD, {"messages": history})
    server.script(Answer("It is sunny."))
    state = await run(agent, how, [("human", "So?")], THREAD)

    assert state["messages"][-1].text == "It is sunny."
    function = {"name": "get_weather", "arguments": '{"city": "Rome"}'}
    call = {"id": "1", "type": "function", "function": function}
    assert server.last.body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Rome?"},
        {"role": "assistant", "content": "Let me see.", "tool_calls": [call]},
        {"role": "tool", "content": "sunny", "tool_call_id": "1"},
        {"role": "user", "content": "So?"},
    ]


@HOWS
async def test_a_graph_that_keeps_both_of_two_answers(model, server, how):
    """langgraph #4848-like: with one id for both, a state keeps one of them."""

    def two(state):
        result = model.generate([state["messages"]], n=2)
        return {"messages": [each.message for each in result.generations[0]]}

    graph = StateGraph(MessagesState).add_node("two", two)
    compiled = graph.add_edge(START, "two").add_edge("two", END).compile()
    server.script(Answer("Heads."))
    state = await run(compiled, how, [("human", "Toss a coin.")])

    _, first, second = state["messages"]
    assert (first.text, second.text) == ("Heads.", "Heads.")
    assert first.id != second.id
    assert first.id.startswith("lc_run--")


async def test_a_model_with_n_in_a_node_that_is_streamed(server):
    """Only the interface asks for tokens there, and several answers do not stream."""
    model = ChatGraySwan(base_url=server.url, api_key="k", n=2)
    agent = create_agent(model, tools=[])
    for how in ("messages", "amessages"):
        state = await run(agent, how, [("human", "Toss a coin.")])
        assert state["messages"][-1].text
    assert not any(request.body.get("stream") for request in server.requests)


@HOWS
async def test_answers_with_one_id_do_not_replace_one_another(model, server, how):
    """langgraphjs #798: gateways repeat the ids of answers."""
    message = {"role": "assistant", "content": "Again."}
    choice = {"index": 0, "finish_reason": "stop", "message": message, "delta": message}
    body = {"id": "same", "model": "cygnet", "choices": [choice]}
    agent = create_agent(model, tools=[], checkpointer=InMemorySaver())
    for _ in range(2):
        # Before Python 3.11, LangGraph cannot hand callbacks to async nodes, so nothing streams.
        streams = how == "messages" or (how == "amessages" and sys.version_info >= (3, 11))
        written = json.dumps(body)
        server.script(
            RawResponse(f"data: {written}\n\ndata: [DONE]\n\n".encode(),
                        headers={"content-type": "text/event-stream"})
            if streams
            else RawResponse(written.encode(), headers={"content-type": "application/json"})
        )  # fmt: skip
        state = await run(agent, how, [("human", "Hello")], THREAD)

    assert [each.type for each in state["messages"]] == ["human", "ai"] * 2
    assert state["messages"][-1].response_metadata["id"] == "same"


@HOWS
async def test_a_refused_answer_runs_no_tool(model, server, how):
    """langchain #33757-like: the calls of a withheld answer were made all the same."""
    ran = []

    @tool
    def pay(amount: int) -> str:
        """Pay."""
        ran.append(amount)
        return "paid"

    for arguments in ({"amount": 100}, '{"amount": 1'):
        server.script(Answer(tool_calls=[Call("pay", arguments)], finish_reason="content_filter"))
        state = await run(create_agent(model, tools=[pay]), how, [("human", "Pay.")])
        assert "content_filter" in state["messages"][-1].invalid_tool_calls[0]["error"]
    assert ran == []


@HOWS
async def test_a_refusal_in_the_middle_of_a_call_lets_a_fallback_answer(server, how):
    """It is a refusal, and no broken call, however the agent is run."""
    strict = ChatGraySwan(
        base_url=server.url, api_key="k", max_retries=0, raise_on_content_filter=True
    )
    fallback = ModelFallbackMiddleware(strict.model_copy())
    cut = Answer(tool_calls=[Call("get_weather", '{"city": "Ro')], finish_reason="content_filter")
    server.script(cut, Answer("I may say this."))
    agent = create_agent(strict, tools=[get_weather], middleware=[fallback])
    state = await run(agent, how, [("human", "Hello")])

    assert state["messages"][-1].text == "I may say this."


@HOWS
@pytest.mark.parametrize("tools", [[get_weather], []], ids=["with a tool", "alone"])
async def test_structured_response_is_asked_for_until_it_can_be_read(model, server, how, tools):
    """langchain #36349, #33504: `structured_response` is missing, in silence."""
    server.script(
        Answer(tool_calls=[Call("Report", '{"city": "Ro')]),
        Answer("It is 21 degrees in Rome."),
        Answer(tool_calls=[Call("Report", {"city": "Rome", "degrees": 21})]),
    )
    agent = create_agent(model, tools=tools, response_format=ToolStrategy(Report))
    state = await run(agent, how, [("human", "Rome?")])

    assert state["structured_response"] == Report(city="Rome", degrees=21)
    assert len(server.requests) == 3


@HOWS
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(tool_calls=[Call("Report", '{"city": "Ro')]), ToolCallArgumentsError),
        (Answer("No."), ToolCallMissingError),
    ],
    ids=["unreadable", "none"],
)
async def test_structured_response_is_never_none_in_silence(model, server, how, answer, error):
    server.script(*[answer] * 3)
    agent = create_agent(model, tools=[], response_format=ToolStrategy(Report))

    with pytest.raises(error, match="asked 3 times"):
        await run(agent, how, [("human", "Rome?")])


@HOWS
async def test_half_a_character_does_not_end_a_conversation(model, server, how):
    """A model wrote a lone surrogate, and the tool repeated it."""
    arguments = r'{"city": "Rome \ud83d"}'
    agent = create_agent(model, tools=[get_weather])
    server.script(Answer(tool_calls=[Call("get_weather", arguments)]), Answer("Sunny."))
    state = await run(agent, how, [("human", "Rome?")])
    await run(agent, how, [*state["messages"], ("human", "Thank you.")])

    assert state["messages"][1].tool_calls[0]["args"] == {"city": "Rome \ud83d"}
    _, calling, result, *_ = server.last.body["messages"]
    assert calling["tool_calls"][0]["function"]["arguments"] == arguments
    assert result["content"] == r"sunny in Rome \ud83d"


@HOWS
async def test_unreadable_arguments_end_neither_way(model, server, how):
    """The same agent lives with `invoke` and with `stream_mode="messages"`."""
    server.script(Answer("Well,", tool_calls=[Call("get_weather", '{"city": "Ro')]))
    state = await run(create_agent(model, tools=[get_weather]), how, [("human", "Rome?")])

    (invalid,) = state["messages"][-1].invalid_tool_calls
    assert invalid["args"] == '{"city": "Ro'
