"""What a run knows of models: how they are told apart, asked, and what is written down."""

from __future__ import annotations

import json

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms.mock import MockLLM
from llama_index.llms.openai import OpenAI

import grayswan_batch
from grayswan_batch.models import adapted
from grayswan_batch.models.answer import Usage, plain
from grayswan_batch.models.describe import describe
from grayswan_batch.prompts import Message
from grayswan_core.cygnal.guard import CygnalGuard
from grayswan_devserver import Answer, Call
from langchain_grayswan import ChatGraySwan
from llama_index_grayswan import GraySwan, data_message

KEY = "fake-key-that-nobody-may-see"
URL = "http://127.0.0.1:9"


def shout(text):
    return text.upper()


def settings_of(kind, **settings):
    return json.dumps(describe(kind(api_key=KEY, **settings)))


@pytest.mark.parametrize("kind", [ChatGraySwan, GraySwan])
def test_how_one_connects_is_no_part_of_what_a_model_is(kind):
    first = settings_of(kind, base_url=URL, timeout=3, max_retries=1)

    assert first == settings_of(kind, base_url="http://127.0.0.1:8", default_headers={"a": "b"})
    assert KEY not in first


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.5},
        {"model": "cygnet-v0.2"},
        {"max_tokens": 7},
        {"stop": ["x"]},
        {"top_p": 0.1},
        {"n": 2},
        {"moderate_before": True},
        {"tool_result_role": "data"},
    ],
)
@pytest.mark.parametrize("kind", [ChatGraySwan, GraySwan])
def test_what_shapes_an_answer_is(kind, change):
    assert settings_of(kind, base_url=URL) != settings_of(kind, base_url=URL, **change)


def test_chains_differ_by_their_parts():
    model = ChatGraySwan(api_key=KEY, base_url=URL)
    ask = ChatPromptTemplate.from_template("What is {a}?")
    other = ChatPromptTemplate.from_template("Why is {a}?")
    chains = [
        ask | model,
        other | model,
        ask | model.bind(temperature=1),
        ask | model | StrOutputParser(),
        ask | model | RunnableLambda(shout),
        ask
        | model.bind_tools(
            [{"title": "a", "description": "b", "type": "object", "properties": {}}]
        ),
    ]

    described = [json.dumps(describe(each)) for each in chains]
    assert len(set(described)) == len(chains)
    assert described == [json.dumps(describe(each)) for each in chains]


def test_a_key_that_a_model_keeps_in_plain_text_is_not_written_down():
    assert KEY not in json.dumps(describe(OpenAI(api_key=KEY, additional_kwargs={"auth": KEY})))


async def test_llama_index_messages_of_a_function_are_sent_as_they_are(serve, llm):
    server = serve()
    model = adapted(llm(server))
    await model.ask(
        [Message("system", "Be brief."), ChatMessage(content="Hi"), data_message("page")]
    )

    roles = [each["role"] for each in server.last.body["messages"]]
    assert roles == ["system", "user", "data"]


async def test_llama_index_has_no_data_role_of_its_own():
    with pytest.raises(grayswan_batch.InputError, match="data_message"):
        await adapted(MockLLM()).ask([Message("data", "page")])


async def test_tool_calls_are_written_down(serve, chat, llm):
    for make in (chat, llm):
        server = serve()
        server.script(Answer(tool_calls=[Call("get_weather", {"city": "Paris"})]))
        answer = await adapted(make(server)).ask("The weather?")
        assert "Paris" in json.dumps(answer.more["tool_calls"])
        assert answer.finish_reason == "tool_calls"


async def test_an_answer_of_any_kind_is_written_as_json():
    class Odd:
        def __str__(self):
            return "odd"

    async def answer(row):
        return {"a": Odd(), "b": float("nan"), "c": {1, 2}, "d": b"x"}

    found = (await adapted(RunnableLambda(answer)).ask({})).value
    assert json.loads(json.dumps(found)) == {"a": "odd", "b": None, "c": [1, 2], "d": "x"}
    assert plain(AIMessage("hi"))["content"] == "hi"


def test_tokens_that_nobody_told_are_unknown_and_not_none_at_all():
    usage = Usage()
    usage.add(None, None)
    assert usage.total is None
    usage.add(3, None)
    usage.add(4, 5)
    assert (usage.input_tokens, usage.output_tokens, usage.total) == (7, 5, 12)


@pytest.mark.parametrize("wrong", ["cygnet", 7, None, shout, FakeListChatModel])
def test_what_is_no_model_is_refused(wrong):
    with pytest.raises(grayswan_batch.InputError, match="model is a LangChain runnable"):
        adapted(wrong)


def test_a_guard_judges_each_row(serve, to, read):
    server = serve()
    guard = CygnalGuard(api_key=KEY, base_url=server.url)
    rows = [{"line": "Hello, how are you?"}, {"line": "See you tomorrow."}]
    report = grayswan_batch.run(rows, guard, to=to, prompt=[("data", "{line}")])
    records = read(to)

    assert report.answered == 2
    assert {record["answer"]["stage"] for record in records} == {"retrieval"}
    assert {record["answer"]["blocked"] for record in records} == {False}
    assert all(record["request_id"] for record in records)
    assert server.last.path == "/cygnal/monitor"
    guard.close()


def test_a_row_without_a_verdict_is_a_failure_whatever_the_guard_does_then(serve, to, read):
    server = serve(fail_every=1)
    guard = CygnalGuard(api_key=KEY, base_url=server.url, max_retries=0, on_error="allow")
    report = grayswan_batch.run([{"prompt": "Hello"}], guard, to=to)

    assert report.failures == {"InternalServerError": 1}
    assert to.read_text() == ""
    guard.close()
