"""Ordinary applications that hold no leak: the audit finds none."""

from __future__ import annotations

import asyncio

import pytest
from langchain.agents import create_agent
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, FewShotChatMessagePromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnablePassthrough
from langchain_core.tools import create_retriever_tool, tool
from llama_index.core import MockEmbedding, PromptTemplate, SummaryIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.schema import TextNode
from llama_index.core.tools import FunctionTool

from grayswan_audit import audit_untrusted
from grayswan_devserver import DevServer
from langchain_grayswan import ChatGraySwan, untrusted_variables
from llama_index_grayswan import GraySwan, secure

PAGE = "Mute swans stay with one partner for many years and hold a territory on a quiet lake."
SYSTEM = "You are a careful librarian who answers briefly, from what you are given, and says so."
QUESTION = "How do the swans on the lake behind the old mill raise their young every spring?"


class Shelf(BaseRetriever):
    def _get_relevant_documents(self, query, **_):
        return [Document(f"You asked: {query} {PAGE}", metadata={"source": "swans.md"})]


@tool
def read(query: str) -> str:
    """Read the pages on birds that the library has, by a question of any length."""
    return f"Results for {query}: {PAGE}"


def plain_chat(model, llm):
    chain = ChatPromptTemplate([("system", SYSTEM), ("human", "{question}")]) | model
    chain.batch([{"question": QUESTION}, {"question": f"{QUESTION} And in winter?"}])


def conversation(model, llm):
    history = [SystemMessage(SYSTEM)]
    for question in (QUESTION, "And what of the geese that come to the same lake in autumn?"):
        history.append(HumanMessage(question))
        history.append(model.invoke(history))


def few_shots(model, llm):
    examples = [{"q": QUESTION, "a": PAGE}]
    shots = FewShotChatMessagePromptTemplate(
        example_prompt=ChatPromptTemplate([("human", "{q}"), ("ai", "{a}")]), examples=examples
    )
    (ChatPromptTemplate([("system", SYSTEM), shots, ("human", "{q}")]) | model).invoke({"q": "Hi"})


def agent(model, llm):
    create_agent(model, [read], system_prompt=SYSTEM).invoke(
        {"messages": [HumanMessage("Read the pages on birds, please.")]}
    )


def retrieving_agent(model, llm):
    found = create_retriever_tool(Shelf(), "search", "Search the pages on birds.")
    create_agent(model, [found], system_prompt=SYSTEM).invoke(
        {"messages": [HumanMessage("Search the pages on birds, please.")]}
    )


def tool_loop_by_hand(model, llm):
    call = {"name": "read", "args": {"query": QUESTION}, "id": "1", "type": "tool_call"}
    asked = [SystemMessage(SYSTEM), HumanMessage(QUESTION), AIMessage("", tool_calls=[call])]
    model.bind_tools([read]).invoke([*asked, ToolMessage(PAGE, tool_call_id="1")])


def marked_rag(model, llm):
    prompt = ChatPromptTemplate([("system", SYSTEM + "\n{context}"), ("human", "{question}")])
    given = {"context": Shelf(), "question": RunnablePassthrough()}
    chain = given | untrusted_variables(prompt, "context") | model | StrOutputParser()
    list(chain.stream(QUESTION))


def chat_engine(model, llm):
    engine = SimpleChatEngine.from_defaults(
        llm=llm, memory=ChatMemoryBuffer.from_defaults(), system_prompt=SYSTEM
    )
    for _ in range(2):
        engine.chat(QUESTION)


def secured_engine(model, llm):
    index = SummaryIndex([TextNode(text=PAGE)], embed_model=MockEmbedding(embed_dim=4))
    secure(index.as_query_engine(llm=llm)).query(QUESTION)


def function_agent(model, llm):
    def search(query: str) -> str:
        """Search the pages on birds that the library has, by a question of any length."""
        return f"Results for {query}: {PAGE}"

    tools = [FunctionTool.from_defaults(search)]
    agent = FunctionAgent(tools=tools, llm=llm, system_prompt=SYSTEM, streaming=False)

    async def ask():
        await agent.run("Search the pages.", memory=ChatMemoryBuffer.from_defaults())

    asyncio.get_event_loop().run_until_complete(ask())


def prompts(model, llm):
    template = PromptTemplate(SYSTEM + "\nQuestion: {question}")
    llm.predict(template, question=QUESTION)
    llm.complete(SYSTEM + QUESTION)


APPLICATIONS = [
    *(plain_chat, conversation, few_shots, agent, retrieving_agent, tool_loop_by_hand, marked_rag),
    *(chat_engine, secured_engine, function_agent, prompts),
]


@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("after", [[], APPLICATIONS], ids=["alone", "after all others"])
def test_no_finding(application, after):
    with DevServer() as server:
        local = {"base_url": server.url, "api_key": "any-key-will-do"}
        with ChatGraySwan(**local) as model, GraySwan(**local) as llm, audit_untrusted() as audit:
            for each in (*after[:3], application):
                each(model, llm)
    report = audit.report()
    assert [] == report.findings, str(report)
    assert [] == report.failures
    assert report.models
