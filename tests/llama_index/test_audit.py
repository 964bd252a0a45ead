from __future__ import annotations

import asyncio
import threading

import pytest
from llama_index.core import MockEmbedding, PromptTemplate, SummaryIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import (
    ChatMessage,
    CitableBlock,
    DocumentBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
)
from llama_index.core.llms.mock import MockLLM
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.readers.base import BaseReader
from llama_index.core.schema import Document, NodeWithScore, TextNode
from llama_index.core.tools import FunctionTool, ToolOutput
from llama_index.core.tools.calling import call_tool
from llama_index_instrumentation import root_dispatcher
from pydantic import BaseModel

from grayswan_devserver import DevServer
from llama_index_grayswan import (
    GraySwan,
    UntrustedNodePostprocessor,
    audit_untrusted,
    data_message,
    secure,
    untrusted_tool,
)

PAGE = "Mute swans stay with one partner for many years and hold a territory on a quiet lake."
QUESTION = "How do the swans on the lake behind the old mill raise their young?"


def index(text=PAGE, **metadata):
    node = TextNode(text=text, id_="page-1", metadata=metadata)
    return SummaryIndex([node], embed_model=MockEmbedding(embed_dim=4))


def user(text):
    return ChatMessage(role="user", content=text)


def result(text):
    return ChatMessage(role=MessageRole.TOOL, content=text, additional_kwargs={"tool_call_id": "1"})


@pytest.fixture
def audit():
    with audit_untrusted() as audit:
        yield audit


@pytest.fixture
def ours():
    with DevServer() as server, GraySwan(base_url=server.url, api_key="any-key-will-do") as llm:
        yield llm


def read(query: str) -> str:
    """Read the pages."""
    return PAGE


def fail(query: str) -> str:
    """Fail."""
    raise ValueError(PAGE)


READ, FAIL = FunctionTool.from_defaults(read), FunctionTool.from_defaults(fail)


def test_an_engine_that_leaks(audit):
    index().as_query_engine(llm=MockLLM(max_tokens=3)).query(QUESTION)
    (finding,) = audit.report().findings
    assert "retrieved document" == finding.source.kind
    assert "SummaryIndexRetriever: page-1" == finding.source.name
    assert ("user", "MockLLM", 1.0) == (finding.role, finding.model, finding.share)
    assert "RetrieverQueryEngine" == finding.through[0]
    assert finding.line.startswith("test_audit.py:")
    assert finding.source.line.startswith("test_audit.py:")
    assert "secure(...)" in finding.change
    assert "GraySwan() in the place of MockLLM" in finding.change


async def test_in_every_mode(audit):
    await index().as_query_engine(llm=MockLLM(max_tokens=3)).aquery(QUESTION)
    for _ in (
        index()
        .as_query_engine(llm=MockLLM(max_tokens=3), streaming=True)
        .query(QUESTION)
        .response_gen
    ):
        pass
    assert 2 == sum(each.calls for each in audit.report().findings)


def test_one_line_and_it_is_clean(audit, ours):
    secure(index().as_query_engine(llm=ours)).query(QUESTION)
    audit.assert_clean()


def test_a_postprocessor_and_it_is_clean(audit, ours):
    marking = [UntrustedNodePostprocessor()]
    index().as_query_engine(llm=ours, node_postprocessors=marking).query(QUESTION)
    audit.assert_clean()


def test_our_model_alone_is_not_enough(audit, ours):
    index().as_query_engine(llm=ours).query(QUESTION)
    (finding,) = audit.report().findings
    assert "GraySwan then sends it as data" in finding.change


def test_structured_models_are_their_inner_models(audit, ours):
    class Fact(BaseModel):
        subject: str

    secure(index().as_query_engine(llm=ours.as_structured_llm(Fact))).query(QUESTION)
    audit.assert_clean()
    assert {"GraySwan"} == set(audit.report().models)


def test_a_chat_engine(audit, ours):
    memory = ChatMemoryBuffer.from_defaults(token_limit=8000)
    engine = index().as_chat_engine(chat_mode="context", llm=ours, memory=memory)
    engine.chat(QUESTION)
    assert ["system"] == [each.role for each in audit.report().findings]


def test_nodes_by_hand(audit):
    engine = index("Nothing of note.").as_query_engine(llm=MockLLM(max_tokens=3))
    engine.synthesize(QUESTION, [NodeWithScore(node=TextNode(text=PAGE), score=1.0)])
    assert ["document"] == [each.source.kind for each in audit.report().findings]


async def test_readers(audit):
    class Reader(BaseReader):
        def lazy_load_data(self, *args, **kwargs):
            yield Document(text=PAGE)

    Reader().load_data()
    documents = await Reader().aload_data()
    MockLLM(max_tokens=3).predict(PromptTemplate("Sum this up: {text}"), text=documents[0].text)
    (finding,) = audit.report().findings
    assert "loaded document" == finding.source.kind


@pytest.mark.parametrize("run", [READ, READ.call, lambda **given: call_tool(READ, given)])
def test_results_of_tools(audit, run):
    MockLLM(max_tokens=3).chat([user(f"Observation: {run(query='x')}")])
    (finding,) = audit.report().findings
    assert ("tool result", "read") == (finding.source.kind, finding.source.name)


async def test_results_and_errors_of_async_calls(audit):
    with pytest.raises(ValueError, match="Mute swans"):
        await FAIL.acall(query="x")
    await MockLLM(max_tokens=3).achat([user(f"It failed: {PAGE}")])
    (finding,) = audit.report().findings
    assert ("tool error", "fail") == (finding.source.kind, finding.source.name)


async def test_an_agent_sends_results_as_results(audit, ours):
    agent = FunctionAgent(tools=[READ], llm=ours, streaming=False)
    await agent.run("Read the pages on swans.", memory=ChatMemoryBuffer.from_defaults())
    audit.assert_clean()


def test_what_a_tool_message_holds_is_from_outside_whoever_called_the_tool(audit):
    MockLLM(max_tokens=3).chat([user(QUESTION), result(PAGE)])
    audit.assert_clean()
    MockLLM(max_tokens=3).chat([user(f"You found: {PAGE}")])
    assert audit.report().findings


def test_definitions_of_tools(audit):
    READ(query="x")
    definition = {"type": "function", "function": {"name": "search", "description": PAGE}}
    MockLLM(max_tokens=3).chat([user("Hi")], tools=[definition])
    (finding,) = audit.report().findings
    assert ("tool definition", "definition of search") == (finding.role, finding.place)


def test_completion(audit):
    READ(query="x")
    MockLLM(max_tokens=3).complete(f"Sum it up: {PAGE}")
    (finding,) = audit.report().findings
    assert ("user", "the prompt") == (finding.role, finding.place)


def test_no_false_alarm_for_the_users_question(audit):
    index(f"Nothing but this: {QUESTION}").as_query_engine(llm=MockLLM(max_tokens=3)).query(
        QUESTION
    )
    MockLLM(max_tokens=3).chat([user(QUESTION), result(f"No result for: {QUESTION}")])
    MockLLM(max_tokens=3).chat([user(QUESTION)])
    assert all(each.words < 15 for each in audit.report().findings)


BLOCKS = [
    DocumentBlock(data=PAGE.encode(), title="a", document_mimetype="text/plain"),
    DocumentBlock(url="https://example.com", title=PAGE),
    CitableBlock(title="t", source="s", content=[TextBlock(text=PAGE)]),
    ThinkingBlock(content=PAGE),
]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.block_type)
def test_content_blocks_of_every_kind_are_looked_at(audit, block):
    index().as_retriever().retrieve("swans")
    MockLLM(max_tokens=3).chat([ChatMessage(role="user", blocks=[block])])
    assert ["user"] == [each.role for each in audit.report().findings]


def test_instructions_beside_the_messages_are_looked_at(audit):
    index().as_retriever().retrieve("swans")
    MockLLM(max_tokens=3).chat([user("Hi")], instructions=PAGE)
    (finding,) = audit.report().findings
    assert ("system", "the setting instructions") == (finding.role, finding.place)


@pytest.mark.parametrize("role", ["assistant", "chatbot", "model"])
def test_what_a_model_said_before_the_audit_is_quoted(audit, role):
    said = ChatMessage(role=role, content=f"It says: {PAGE}")
    MockLLM(max_tokens=3).chat([user("Hi"), result(PAGE), said, user("Thanks")])
    report = audit.report()
    assert ([], ["assistant"]) == (report.findings, [each.role for each in report.quoted])


def test_what_the_program_says_in_a_models_place_is_a_finding(audit):
    page = READ(query="x").content
    MockLLM(max_tokens=3).chat(
        [user("Hi"), ChatMessage(role="assistant", content=page), user("So?")]
    )
    assert ["assistant"] == [each.role for each in audit.report().findings]


def test_what_a_model_repeats_is_quoted(audit):
    MockLLM(max_tokens=3).chat([result(PAGE), user("Sum it up.")])
    for _ in MockLLM(max_tokens=3).stream_chat([result(PAGE)]):
        pass
    audit.__exit__(None, None, None)
    audit.note_written(PAGE)
    with audit:
        MockLLM(max_tokens=3).chat([user(f"You said: {PAGE}")])
    report = audit.report()
    assert ([], 1) == (report.findings, len(report.quoted))


def test_what_a_stream_brings_is_what_the_model_wrote(audit, ours):
    call = [user("Repeat this: " + QUESTION)]
    written = "".join(each.delta or "" for each in ours.stream_chat(call))
    assert written
    audit.note_source("tool result", "echo", [written * 9])
    MockLLM(max_tokens=3).chat([user(written * 9)])
    assert all(each.quoted for each in audit.report().quoted)


def test_data_messages_are_clean(audit, ours):
    READ(query="x")
    ours.chat([user("Sum it up."), data_message(PAGE)])
    audit.assert_clean()


def test_a_marked_tool_in_a_prompt_is_clean(audit, ours):
    ours.chat([user(f"Observation: {untrusted_tool(READ)(query='x')}\nThought:")])
    audit.assert_clean()


def test_an_application_that_never_calls_a_model(audit):
    index().as_retriever().retrieve(QUESTION)
    with pytest.raises(AssertionError, match="no model was called"):
        audit.assert_clean()


def test_one_that_fails_in_the_middle():
    class Failing(MockLLM):
        def complete(self, *args, **kwargs):
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"), audit_untrusted() as audit:
        index().as_query_engine(llm=Failing()).query(QUESTION)
    assert audit.report().findings


async def test_streams_that_are_left_and_calls_that_are_cancelled(audit):
    for _ in (
        index()
        .as_query_engine(llm=MockLLM(max_tokens=3), streaming=True)
        .query(QUESTION)
        .response_gen
    ):
        break
    called = asyncio.Event()

    class Slow(MockLLM):
        async def achat(self, *args, **kwargs):
            called.set()
            await asyncio.Event().wait()

    call = asyncio.create_task(Slow().achat([user(PAGE)]))
    await called.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert {"MockLLM", "Slow"} == {each.model for each in audit.report().findings}


def test_twenty_threads_that_know_nothing_of_contexts(audit):
    def run(number):
        text = f"{PAGE} {number} " + f"n{number} " * 20
        nodes = index(text).as_retriever().retrieve(QUESTION)
        MockLLM(max_tokens=3).chat([user(nodes[0].get_content())])

    threads = [threading.Thread(target=run, args=[number]) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {"MockLLM": 20} == audit.report().models
    assert 20 == len({each.source for each in audit.report().findings})


def test_nested_audits(audit):
    engine = index().as_query_engine(llm=MockLLM(max_tokens=3))
    engine.query(QUESTION)
    with audit_untrusted() as inner:
        engine.query(QUESTION)
    engine.query(QUESTION)
    assert [1] == [each.calls for each in inner.report().findings]
    assert [3] == [each.calls for each in audit.report().findings]


def test_when_none_is_open_no_handler_is_there():
    before = list(root_dispatcher.span_handlers), list(root_dispatcher.event_handlers)
    with audit_untrusted():
        assert before != (root_dispatcher.span_handlers, root_dispatcher.event_handlers)
    assert before == (root_dispatcher.span_handlers, root_dispatcher.event_handlers)
    assert "__init_subclass__" not in vars(BaseReader)


@pytest.mark.parametrize("given", [b"\x89PNG" * 100, object(), 3.5, None])
def test_binary_results(audit, given):
    tool = FunctionTool.from_defaults(lambda: given, name="draw", description="Draws.")
    assert isinstance(tool(), ToolOutput)
    READ(query="x")
    MockLLM(max_tokens=3).chat([user("Hi")])
    audit.assert_clean()


def test_canaries():
    with audit_untrusted(canaries=True) as audit:
        index().as_query_engine(llm=MockLLM()).query(QUESTION)  # it repeats its prompt
    report = audit.report()
    assert 1 == report.canaries_seeded
    assert report.canaries_obeyed
    assert {"canary", "retrieved document"} == {each.source.kind for each in report.findings}


def test_canaries_are_marked_like_all_that_is_retrieved(ours):
    with audit_untrusted(canaries=True) as audit:
        secure(index().as_query_engine(llm=ours)).query(QUESTION)
    audit.assert_clean()
    assert 1 == audit.report().canaries_seeded
