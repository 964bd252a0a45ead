from __future__ import annotations

import asyncio
import threading

import pytest
from langchain.agents import create_agent
from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document
from langchain_core.language_models import FakeListLLM
from langchain_core.language_models.fake_chat_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    BaseMessageChunk,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from langchain_core.tools import StructuredTool, ToolException, tool

from grayswan_devserver import DevServer
from langchain_grayswan import (
    ChatGraySwan,
    DataMessage,
    audit_untrusted,
    mark_documents,
    untrusted_retriever,
    untrusted_tool,
)
from langchain_grayswan import audit as audit_module

PAGE = "Mute swans stay with one partner for many years and hold a territory on a quiet lake."
PROMPT = ChatPromptTemplate([("system", "Answer from this:\n{context}"), ("human", "{question}")])
QUESTION = "How do the swans on the lake behind the old mill raise their young?"


class Shelf(BaseRetriever):
    text: str = PAGE
    metadata_of: dict | None = None

    def _get_relevant_documents(self, query, **_):
        return [Document(self.text, metadata=self.metadata_of or {}, id="page-1")]


class Model(FakeListChatModel):
    """A model of another vendor's, with tools."""

    def bind_tools(self, tools, **kwargs):
        return self.bind(tools=tools, **kwargs)


def model(*responses):
    return Model(responses=list(responses) or ["Fine."])


def joined(documents):
    return "\n\n".join(document.page_content for document in documents)


def rag(chat_model, retriever=None):
    given = {"context": (retriever or Shelf()) | joined, "question": RunnablePassthrough()}
    return given | PROMPT | chat_model | StrOutputParser()


@pytest.fixture
def audit():
    with audit_untrusted() as audit:
        yield audit


@pytest.fixture
def ours():
    with DevServer() as server:
        yield ChatGraySwan(base_url=server.url, api_key="any-key-will-do")


def test_a_chain_that_leaks(audit):
    rag(model()).invoke(QUESTION)
    (finding,) = audit.report().findings
    assert ("retrieved document", "Shelf: page-1") == (finding.source.kind, finding.source.name)
    assert ("system", "message 1 of 2", "Model") == (finding.role, finding.place, finding.model)
    assert ("RunnableSequence",) == finding.through
    assert (1.0, 1) == (finding.share, finding.calls)
    assert finding.line.startswith("test_audit.py:")
    assert "untrusted_retriever(...)" in finding.change
    assert "ChatGraySwan() in the place of Model" in finding.change


async def test_in_every_mode(audit):
    chain = rag(model())
    list(chain.stream(QUESTION))
    await chain.ainvoke(QUESTION)
    [_ async for _ in chain.astream(QUESTION)]
    chain.batch([QUESTION, QUESTION])
    (finding,) = audit.report().findings
    assert 5 == finding.calls


def test_one_line_and_it_is_clean(audit, ours):
    rag(ours, untrusted_retriever(Shelf())).invoke(QUESTION)
    audit.assert_clean()


def test_marks_do_not_help_where_the_model_does_not_take_them_off(audit):
    rag(model(), untrusted_retriever(Shelf())).invoke(QUESTION)
    assert audit.report().findings


def test_our_model_alone_is_not_enough(audit, ours):
    rag(ours).invoke(QUESTION)
    (finding,) = audit.report().findings
    assert "untrusted_retriever(...); ChatGraySwan then sends it as data." in finding.change


def test_documents_that_no_retriever_brought(audit):
    chain = RunnablePassthrough.assign(context=lambda given: joined(given["docs"]))
    (chain | PROMPT | model()).invoke({"docs": [Document(PAGE)], "question": QUESTION})
    assert ["document"] == [each.source.kind for each in audit.report().findings]


def test_documents_of_a_store_that_a_step_asks(audit):
    search = RunnableLambda(lambda query: [Document(PAGE)])
    rag(model(), search).invoke(QUESTION)
    assert ["document"] == [each.source.kind for each in audit.report().findings]


async def test_loaders(audit):
    class Loader(BaseLoader):
        def lazy_load(self):
            yield Document(PAGE)

    for load in (Loader().load, lambda: list(Loader().lazy_load())):
        load()
    text = joined(await Loader().aload())
    model().invoke(f"Sum this up: {text}")
    (finding,) = audit.report().findings
    assert ("loaded document", "user") == (finding.source.kind, finding.role)
    assert "untrusted_loader" in finding.change


def test_metadata_is_untrusted_too(audit):
    title = "A long and winding title that somebody else has given to this page"
    documents = Shelf(metadata_of={"title": title}).invoke("q")
    model().invoke(f"Title: {documents[0].metadata['title']}")
    assert audit.report().findings


@tool
def read(query: str) -> str:
    """Read the pages."""
    return PAGE


@tool
def fail(query: str) -> str:
    """Fail."""
    raise ToolException(PAGE)


def test_results_and_errors_of_tools(audit):
    model().invoke([SystemMessage(f"Observation: {read.invoke({'query': 'x'})}")])
    with pytest.raises(ToolException) as caught:
        fail.invoke({"query": "x"})
    assert str(caught.value) == PAGE
    (finding,) = audit.report().findings
    assert ("tool result", "read") == (finding.source.kind, finding.source.name)
    assert finding.source.line.startswith("test_audit.py:")


def test_an_error_of_a_tool_in_a_prompt(audit):
    with pytest.raises(ToolException):
        fail.invoke({"query": "x"})
    model().invoke(f"It failed: {PAGE}")
    (finding,) = audit.report().findings
    assert ("tool error", "fail") == (finding.source.kind, finding.source.name)


def test_an_agent_sends_results_as_results(audit):
    call = {"name": "read", "args": {"query": "x"}, "id": "1", "type": "tool_call"}
    steps = iter([AIMessage("", tool_calls=[call]), AIMessage("Done.")])

    class Caller(GenericFakeChatModel):
        def bind_tools(self, tools, **kwargs):
            return self.bind(tools=tools, **kwargs)

    create_agent(Caller(messages=steps), [read], system_prompt="Be brief.").invoke(
        {"messages": [HumanMessage(QUESTION)]}
    )
    audit.assert_clean()
    assert 2 == audit.report().models["Caller"]


def test_what_a_tool_message_holds_is_from_outside_whoever_called_the_tool(audit):
    model().invoke([HumanMessage(QUESTION), ToolMessage(PAGE, tool_call_id="1")])
    audit.assert_clean()
    model().invoke([HumanMessage(f"You found: {PAGE}")])
    assert audit.report().findings


def test_definitions_of_tools(audit):
    found = Shelf().invoke("q")
    described = StructuredTool.from_function(
        lambda query: query, name="search", description=f"Searches this: {joined(found)}"
    )
    model().bind_tools([{"name": "search", "description": described.description}]).invoke("Hi")
    (finding,) = audit.report().findings
    assert ("tool definition", "definition of search") == (finding.role, finding.place)


def test_a_completion_model(audit):
    rag(FakeListLLM(responses=["Fine."])).invoke(QUESTION)
    (finding,) = audit.report().findings
    assert ("user", "FakeListLLM") == (finding.role, finding.model)


def test_no_false_alarm_for_what_the_program_had_before(audit):
    prompt = f"Answer as a librarian who knows that {PAGE}"
    model().invoke([SystemMessage(prompt)])
    rag(model(), Shelf(text=f"{prompt} {QUESTION}")).invoke(QUESTION)
    findings = audit.report().findings
    assert all(each.words < 15 for each in findings), findings


def test_no_false_alarm_for_the_users_question(audit):
    rag(model(), RunnableLambda(lambda q: [Document("nothing")])).invoke(QUESTION)
    model().invoke(
        [HumanMessage(QUESTION), ToolMessage(f"No result for: {QUESTION}", tool_call_id="1")]
    )
    audit.assert_clean()


def message_classes(kind=BaseMessage):
    """LangChain's own classes of messages with content, and of their chunks."""
    for each in kind.__subclasses__():
        if each.__module__.startswith("langchain_core."):
            if each not in (BaseMessageChunk, RemoveMessage):
                yield each
            yield from message_classes(each)


def make(kind, content):
    """A message of any class."""
    needed = {"tool_call_id": "1", "name": "read", "role": "User", "id": "1"}
    fields = {key: value for key, value in needed.items() if key in kind.model_fields}
    return kind(content=content, **fields)


@pytest.mark.parametrize("kind", dict.fromkeys(message_classes()))
def test_messages_of_every_class_are_looked_at(audit, kind):
    message = make(kind, PAGE)
    if "tool" in message.type.lower() or "function" in message.type.lower():
        model().invoke([HumanMessage("Hi"), message])
        assert ["tool result"] == [each.kind for each in audit.report().sources]
        audit.assert_clean()
    else:
        Shelf().invoke("q")
        model().invoke([HumanMessage("Hi"), message])
        assert 1 == len(audit.report().findings)


BLOCKS = [
    {"type": "text-plain", "mime_type": "text/plain", "text": PAGE},
    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": PAGE}},
    {"type": "search_result", "source": "x", "content": [{"type": "text", "text": PAGE}]},
    {"type": "something new", "parts": [[{"said": PAGE}]]},
]


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("kind", [HumanMessage, SystemMessage, AIMessage])
def test_content_blocks_of_every_shape_are_looked_at(audit, block, kind):
    Shelf().invoke("q")
    model().invoke([HumanMessage("Hi"), kind([block])])
    assert 1 == len(audit.report().findings)


def test_a_result_in_a_users_message_is_sent_as_a_result(audit):
    Shelf().invoke("q")
    block = {"type": "tool_result", "tool_use_id": "1", "content": PAGE}
    model().invoke([HumanMessage([block])])
    audit.assert_clean()


@pytest.mark.parametrize("key", ["system", "system_instruction", "system_prompt", "instructions"])
def test_instructions_beside_the_messages_are_looked_at(audit, key):
    Shelf().invoke("q")
    model().bind(**{key: [{"type": "text", "text": PAGE}]}).invoke("Hi")
    (finding,) = audit.report().findings
    assert ("system", f"the setting {key}") == (finding.role, finding.place)


@pytest.mark.parametrize(
    "result",
    [
        {PAGE: 1},
        ("Found.", {"page": PAGE}),
        ("Found.", [PAGE]),
        ("Found.", Document(PAGE)),
        ([{"type": "search_result", "content": [{"text": PAGE}]}], None),
    ],
)
def test_all_that_a_tool_returns_is_from_outside(audit, result):
    def look(query: str):
        """Look."""
        return result

    kind = "content_and_artifact" if isinstance(result, tuple) else "content"
    looking = StructuredTool.from_function(look, response_format=kind)
    looking.invoke({"type": "tool_call", "id": "1", "name": "look", "args": {"query": "x"}})
    model().invoke(f"Answer from this: {PAGE}")
    assert ["tool result"] == [each.source.kind for each in audit.report().findings]


@pytest.mark.parametrize("is_chain", [True, False])
def test_what_a_model_said_before_the_audit_is_quoted(audit, is_chain):
    call = {"id": "1", "name": "read", "args": {}}
    saving = {"id": "2", "name": "save", "args": {"text": PAGE}}
    history = [
        HumanMessage("Hi"),
        AIMessage("", tool_calls=[call]),
        ToolMessage(PAGE, tool_call_id="1"),
        AIMessage(f"It says: {PAGE}", tool_calls=[saving]),
        ToolMessage("Saved.", tool_call_id="2"),
        HumanMessage("Thanks"),
    ]
    if is_chain:
        (RunnableLambda(lambda given: given["messages"]) | model()).invoke({"messages": history})
    else:
        model().invoke(history)
    report = audit.report()
    assert [] == report.findings
    assert {"assistant"} == {each.role for each in report.quoted}


def test_what_the_program_says_in_a_models_place_is_a_finding(audit):
    page = read.invoke({"query": "x"})
    model().invoke([HumanMessage("Hi"), AIMessage(page), HumanMessage("Thanks")])
    assert ["assistant"] == [each.role for each in audit.report().findings]


def test_what_a_model_repeats_is_quoted(audit):
    first = model(PAGE)
    answer = first.invoke([HumanMessage(QUESTION), ToolMessage(PAGE, tool_call_id="1")])
    model().invoke([HumanMessage("Hi"), answer, HumanMessage(f"You said: {PAGE}")])
    report = audit.report()
    assert [] == report.findings
    assert {"assistant", "user"} == {each.role for each in report.quoted}


def test_data_messages_are_clean(audit, ours):
    Shelf().invoke("q")
    ours.invoke([HumanMessage("Sum it up."), DataMessage(PAGE)])
    audit.assert_clean()


def test_a_marked_tool_in_a_prompt_is_clean(audit, ours):
    ours.invoke(f"Observation: {untrusted_tool(read).invoke({'query': 'x'})}\nThought:")
    audit.assert_clean()


def test_documents_marked_by_hand_are_clean(audit, ours):
    rag(ours, Shelf() | RunnableLambda(mark_documents)).invoke(QUESTION)
    audit.assert_clean()


def test_an_application_that_never_calls_a_model(audit):
    Shelf().invoke("q")
    with pytest.raises(AssertionError, match="no model was called"):
        audit.assert_clean()


def test_one_that_fails_in_the_middle():
    def fail(answer):
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"), audit_untrusted() as audit:
        (rag(model()) | fail).invoke(QUESTION)
    assert audit.report().findings


def test_a_model_that_fails(audit):
    class Failing(Model):
        def _call(self, *args, **kwargs):
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        rag(Failing(responses=[])).invoke(QUESTION)
    assert audit.report().findings
    assert 0 == len(audit_module._handler._runs)


async def test_streams_that_are_left_and_calls_that_are_cancelled(audit):
    for _ in rag(model("A long answer.")).stream(QUESTION):
        break

    called = asyncio.Event()

    class Slow(Model):
        async def _agenerate(self, *args, **kwargs):
            called.set()
            await asyncio.Event().wait()

    call = asyncio.create_task(rag(Slow(responses=["x"])).ainvoke(QUESTION))
    await called.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert {"Model", "Slow"} == {each.model for each in audit.report().findings}


def test_twenty_threads_that_know_nothing_of_contexts(audit):
    def run(number):
        rag(model(), Shelf(text=f"{PAGE} {number} " + f"n{number} " * 20)).invoke(QUESTION)

    threads = [threading.Thread(target=run, args=[number]) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {"Model": 20} == audit.report().models
    assert 20 == len({each.source for each in audit.report().findings})


def test_nested_audits(audit):
    rag(model()).invoke(QUESTION)
    with audit_untrusted() as inner:
        rag(model()).invoke(QUESTION)
    rag(model()).invoke(QUESTION)
    assert [1] == [each.calls for each in inner.report().findings]
    assert [3] == [each.calls for each in audit.report().findings]


async def test_async_with():
    async with audit_untrusted() as audit:
        await rag(model()).ainvoke(QUESTION)
    await rag(model()).ainvoke(QUESTION)
    assert [1] == [each.calls for each in audit.report().findings]


def test_when_none_is_open_no_handler_is_there(audit):
    audit.__exit__(None, None, None)
    assert audit_module._Hook().get() is None
    assert "__init_subclass__" not in vars(BaseLoader)


def test_ten_megabytes():
    text = " ".join(f"word{number}" for number in range(1_000_000))
    with audit_untrusted(max_words=20_000) as audit:
        rag(model(), Shelf(text=text)).invoke(QUESTION)
    report = audit.report()
    assert 20_007 >= report.findings[0].words > 19_000
    assert ["Shelf: page-1: more words than max_words has room for"] == report.failures


@pytest.mark.parametrize(
    "result",
    [b"\x89PNG" * 100, [{"type": "image", "base64": "iVBORw0KGgo" * 1000}], object(), 3.5, None],
)
def test_binary_results(audit, result):
    binary = StructuredTool.from_function(lambda: result, name="draw", description="Draws.")
    binary.invoke({})
    read.invoke({"query": "x"})
    model().invoke("Hi")
    audit.assert_clean()


def test_canaries():
    with audit_untrusted(canaries=True) as audit:
        word = audit.canary.word
        rag(model(f"I obey: {word}")).invoke(QUESTION)
    report = audit.report()
    assert (1, 1) == (report.canaries_seeded, report.canaries_obeyed)
    assert {"canary", "retrieved document"} == {each.source.kind for each in report.findings}


def test_canaries_are_marked_like_all_that_is_retrieved(ours):
    with audit_untrusted(canaries=True) as audit:
        rag(ours, untrusted_retriever(Shelf())).invoke(QUESTION)
    audit.assert_clean()
    assert 1 == audit.report().canaries_seeded


def test_prompts_may_be_named():
    with audit_untrusted(own=[PAGE]) as audit:
        rag(model()).invoke(QUESTION)
    audit.assert_clean()
