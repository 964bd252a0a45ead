"""Agents whose model, gateway or tools are careless: no wrong call is made, and the run goes on."""

from __future__ import annotations

import json

import pytest
from llama_index.core.agent.workflow import (
    AgentWorkflow,
    CodeActAgent,
    FunctionAgent,
    ToolCallResult,
)
from llama_index.core.base.llms.types import CitableBlock, ImageBlock, TextBlock
from llama_index.core.memory import ChatSummaryMemoryBuffer, Memory
from llama_index.core.query_engine import CustomQueryEngine
from llama_index.core.tools import QueryEngineTool
from raw_responses import call, delta, streamed, whole

from grayswan_devserver import Answer, Call

pytestmark = [
    pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:is_running called from within a step"),
]

STREAMING = pytest.mark.parametrize("streaming", [True, False], ids=["streamed", "whole"])

BROKEN = ['{"a": 1, "b": }', "{'a': 1, 'b': 2}", '{"a": 1, "b": 2}}', '"x"', "[1, 2]"]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def run(agent, *args, **kwargs):
    """The result of a run, and the results of its tool calls."""
    handler = agent.run(*args, **kwargs)
    events = [event async for event in handler.stream_events()]
    return await handler, [event for event in events if type(event) is ToolCallResult]


def orphans(body):
    """The tool messages of a request whose calls are not in it."""
    called, found = set(), []
    for message in body["messages"]:
        called |= {each["id"] for each in message.get("tool_calls") or ()}
        if message["role"] == "tool" and message["tool_call_id"] not in called:
            found.append(message)
    return found


# --- arguments that cannot be read ----------------------------------------------------------------


@STREAMING
@pytest.mark.parametrize("arguments", BROKEN)
async def test_malformed_arguments_call_no_tool_and_go_back_to_the_model(
    llm, grayswan_server, arguments, streaming
):
    """run-llama/llama_index 11921, openai/openai-agents-js 887"""
    paid = []

    def pay(**details: object) -> str:
        """Pay."""
        paid.append(details)
        return "paid"

    grayswan_server.script(Answer(tool_calls=[Call("pay", arguments)]), Answer("I did not pay."))
    agent = FunctionAgent(tools=[pay], llm=llm, streaming=streaming)
    result, (failed,) = await run(agent, "Pay.")
    assert str(result) == "I did not pay."
    assert paid == []
    assert failed.tool_output.is_error
    _, said, told = grayswan_server.last.body["messages"]
    assert told["role"] == "tool"
    assert told["tool_call_id"] == said["tool_calls"][0]["id"]
    assert "pay was not run, because its arguments are not a JSON object" in told["content"]


@STREAMING
async def test_the_other_calls_of_the_response_are_made(llm, grayswan_server, streaming):
    calls = [Call("add", {"a": 1, "b": 2}), Call("add", '{"a": 1')]
    grayswan_server.script(Answer(tool_calls=calls), Answer("Done."))
    result, made = await run(FunctionAgent(tools=[add], llm=llm, streaming=streaming), "Add.")
    assert str(result) == "Done."
    assert sorted(each.tool_output.is_error for each in made) == [False, True]
    assert [each.tool_output.raw_output for each in made if not each.tool_output.is_error] == [3]


async def test_a_query_engine_as_a_tool_gets_no_question_out_of_them(llm, grayswan_server):
    class Engine(CustomQueryEngine):
        def custom_query(self, query_str: str) -> str:
            raise AssertionError("never to be asked")

    tool = QueryEngineTool.from_defaults(Engine(), name="town", description="Knows the town.")
    grayswan_server.script(Answer(tool_calls=[Call("town", "the bakery")]), Answer("Sorry."))
    result, (failed,) = await run(FunctionAgent(tools=[tool], llm=llm), "When?")
    assert (str(result), failed.tool_output.is_error) == ("Sorry.", True)


@STREAMING
@pytest.mark.parametrize("kind", [FunctionAgent, CodeActAgent])
async def test_malformed_arguments_of_a_hand_off_hand_nothing_over(
    llm, grayswan_server, kind, streaming
):
    more = {"code_execute_fn": lambda code: code} if kind is CodeActAgent else {}
    given = {"llm": llm, "streaming": streaming}
    first = kind(name="first", description="f", can_handoff_to=["other"], **given, **more)
    other = FunctionAgent(name="other", description="o", tools=[add], **given)
    bad = Answer(tool_calls=[Call("handoff", '{"to_agent": "other", }')])
    grayswan_server.script(bad, Answer("I am still here."))
    workflow = AgentWorkflow(agents=[first, other], root_agent="first")
    result, (failed,) = await run(workflow, "Go.")
    assert (str(result), result.current_agent_name) == ("I am still here.", "first")
    assert failed.tool_output.is_error
    assert "not a JSON object" in grayswan_server.last.body["messages"][-1]["content"]


@STREAMING
async def test_calls_of_a_refused_response_are_not_made(llm, grayswan_server, streaming):
    refused = Answer(
        "No.", tool_calls=[Call("add", {"a": 1, "b": 2})], finish_reason="content_filter"
    )
    grayswan_server.script(refused)
    result, made = await run(FunctionAgent(tools=[add], llm=llm, streaming=streaming), "Add.")
    assert (str(result), made) == ("No.", [])
    (invalid,) = result.response.additional_kwargs["invalid_tool_calls"]
    assert (invalid["name"], "content_filter" in invalid["error"]) == ("add", True)


@STREAMING
async def test_a_refusal_that_cuts_a_call_is_a_refusal(llm, grayswan_server, streaming):
    refused = Answer("No.", tool_calls=[Call("add", '{"a": 1, "b"')], finish_reason="violation")
    grayswan_server.script(refused)
    result, made = await run(FunctionAgent(tools=[add], llm=llm, streaming=streaming), "Add.")
    assert (str(result), made) == ("No.", [])
    assert result.response.additional_kwargs["content_filter"] is True


# --- no arguments ---------------------------------------------------------------------------------


@STREAMING
@pytest.mark.parametrize("arguments", ["", " ", "null", None, "MISSING", "{}"])
async def test_a_call_without_arguments_is_made_and_goes_back_as_an_empty_object(
    llm, grayswan_server, arguments, streaming
):
    """run-llama/llama_index 18230 and 22821, agno 3134, vllm 19419 and 48922"""
    ran = []

    def now() -> str:
        """Tell the time."""
        ran.append(1)
        return "noon"

    made = call("now", arguments, id="c1", index=0)
    if arguments == "MISSING":
        del made["function"]["arguments"]
    message = {"content": None, "tool_calls": [made]}
    first = streamed(delta(message), delta({}, "tool_calls")) if streaming else whole(message)
    grayswan_server.script(first, Answer("It is noon."))
    agent = FunctionAgent(tools=[now], llm=llm, streaming=streaming)
    result, _ = await run(agent, "What time is it?")
    assert (str(result), ran) == ("It is noon.", [1])
    said = grayswan_server.last.body["messages"][1]
    assert said["tool_calls"][0]["function"]["arguments"] == "{}"


# --- ids and indexes that gateways leave out ------------------------------------------------------


@STREAMING
@pytest.mark.parametrize(
    "sent",
    [[{}, {}], [{"id": ""}, {"id": ""}], [{"id": None}, {"id": None}], [{"id": "1"}, {"id": "1"}]],
    ids=["missing", "empty", "null", "twice"],
)
async def test_calls_without_an_id_of_their_own_get_one(llm, grayswan_server, sent, streaming):
    calls = [
        call("add", json.dumps({"a": number, "b": 1}), **fields, index=number)
        for number, fields in enumerate(sent)
    ]
    message = {"content": None, "tool_calls": calls}
    first = streamed(delta(message), delta({}, "tool_calls")) if streaming else whole(message)
    grayswan_server.script(first, Answer("Done."))
    await run(FunctionAgent(tools=[add], llm=llm, streaming=streaming), "Add.")
    _, said, *results = grayswan_server.last.body["messages"]
    ids = {each["id"]: json.loads(each["function"]["arguments"]) for each in said["tool_calls"]}
    assert len(ids) == 2
    assert all(ids)
    assert {each["tool_call_id"]: int(each["content"]) for each in results} == {
        call_id: arguments["a"] + 1 for call_id, arguments in ids.items()
    }


@pytest.mark.parametrize("apart", [True, False], ids=["two chunks", "one chunk"])
@pytest.mark.parametrize("sent", [{}, {"index": None}, {"index": 0}], ids=str)
async def test_whole_calls_without_an_index_of_their_own_are_two(llm, grayswan_server, sent, apart):
    calls = [
        call("add", json.dumps({"a": number, "b": 1}), id=f"c{number}", **sent)
        for number in range(2)
    ]
    parts = [[each] for each in calls] if apart else [calls]
    chunks = [delta({"tool_calls": part}) for part in parts]
    grayswan_server.script(streamed(*chunks, delta({}, "tool_calls")), Answer("Done."))
    _, made = await run(FunctionAgent(tools=[add], llm=llm), "Add.")
    assert sorted(each.tool_output.raw_output for each in made) == [1, 2]


# --- what tools return ----------------------------------------------------------------------------


@STREAMING
@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ([CitableBlock(title="t", source="s", content="opens at seven")], "opens at seven"),
        ([TextBlock(text="opens"), TextBlock(text="at seven")], "opens\nat seven"),
        (
            [TextBlock(text="opens at seven"), ImageBlock(image=b"png")],
            "opens at seven\n[ImageBlock left out: it cannot be read as text]",
        ),
        ([2, 3, 5], "[2, 3, 5]"),
    ],
    ids=["citable", "texts", "image", "list"],
)
async def test_what_can_be_read_of_a_tools_result_is_sent(
    llm, grayswan_server, blocks, expected, streaming
):
    def find() -> list:
        """Find."""
        return blocks

    grayswan_server.script(Answer(tool_calls=[Call("find")]), Answer("It opens at seven."))
    agent = FunctionAgent(tools=[find], llm=llm, streaming=streaming)
    result, _ = await run(agent, "When?")
    assert str(result) == "It opens at seven."
    assert expected in grayswan_server.last.body["messages"][-1]["content"]


# --- results whose calls are not in the conversation ----------------------------------------------


@STREAMING
async def test_a_hand_off_by_a_code_agent_leaves_no_result_without_its_call(
    llm, grayswan_server, streaming
):
    coder = CodeActAgent(
        code_execute_fn=lambda code: code,
        name="coder",
        description="c",
        llm=llm,
        can_handoff_to=["other"],
        streaming=streaming,
    )
    other = FunctionAgent(name="other", description="o", llm=llm, tools=[add])
    handoff = Call("handoff", {"to_agent": "other", "reason": "r"})
    grayswan_server.script(Answer(tool_calls=[handoff]), Answer("Here I am."))
    await run(AgentWorkflow(agents=[coder, other], root_agent="coder"), "Go.")
    body = grayswan_server.last.body
    assert orphans(body) == []
    assert any("Agent other is now" in each["content"] for each in body["messages"])


@pytest.mark.parametrize("kind", ["memory", "summary"])
async def test_memories_that_overflow_leave_no_result_without_its_call(llm, grayswan_server, kind):
    """run-llama/llama_index 20256"""
    if kind == "memory":
        memory = Memory.from_defaults(
            session_id="o", token_limit=120, token_flush_size=30, chat_history_token_ratio=0.5
        )
    else:
        memory = ChatSummaryMemoryBuffer.from_defaults(llm=llm, token_limit=60)

    def big() -> str:
        """Tell much."""
        return "word " * 60

    for number in range(4):
        said = Answer("That was it, my friend. " * 2)
        grayswan_server.script(Answer(tool_calls=[Call("big")]), said)
        agent = FunctionAgent(tools=[big], llm=llm)
        await run(agent, f"Question number {number}, please.", memory=memory)
    if kind == "memory":
        await memory.sql_store._async_engine.dispose()
    assert [orphans(request.body) for request in grayswan_server.requests] == [[]] * len(
        grayswan_server.requests
    )
