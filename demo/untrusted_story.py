"""The one line that keeps a page out of the trusted roles. The bodies are shown on the screen."""

from __future__ import annotations

from langchain_core.prompts import ChatPromptTemplate
from llama_index.core import Document, SummaryIndex
from llama_index.core.agent.workflow import FunctionAgent

from demo.screen import Show
from langchain_grayswan import ChatGraySwan, untrusted_variables
from llama_index_grayswan import GraySwan, audit_untrusted, secure

__all__ = [
    "agent",
    "audited_engine",
    "secured_chain",
    "secured_engine",
    "stock_chain",
    "stock_engine",
]

_TEMPLATE = [("system", "Answer from this context:\n{context}"), ("human", "{question}")]


def stock_chain(model: ChatGraySwan, page: str, question: str, show: Show) -> None:
    """A chain as everybody writes it."""
    prompt = ChatPromptTemplate(_TEMPLATE)
    chain = prompt | model
    inputs = {"context": page, "question": question}
    show(chain.invoke(inputs).text)


def secured_chain(model: ChatGraySwan, page: str, question: str, show: Show) -> None:
    """The same, with one line changed."""
    prompt = untrusted_variables(ChatPromptTemplate(_TEMPLATE), "context")
    chain = prompt | model
    inputs = {"context": page, "question": question}
    show(chain.invoke(inputs).text)


def stock_engine(llm: GraySwan, page: str, question: str, show: Show) -> None:
    """A query engine with LlamaIndex's own templates."""
    index = SummaryIndex.from_documents([Document(text=page)])
    engine = index.as_query_engine(llm=llm)
    show(str(engine.query(question)))


def secured_engine(llm: GraySwan, page: str, question: str, show: Show) -> None:
    """The same, with one line changed."""
    index = SummaryIndex.from_documents([Document(text=page)])
    engine = secure(index.as_query_engine(llm=llm))
    show(str(engine.query(question)))


def audited_engine(llm: GraySwan, page: str, question: str, show: Show) -> None:
    """Whether the stock engine sends the page where it may instruct; any LLM will do."""
    index = SummaryIndex.from_documents([Document(text=page)])
    engine = index.as_query_engine(llm=llm)
    with audit_untrusted() as audit:
        engine.query(question)
    show(str(audit.report()))


async def agent(llm: GraySwan, page: str, question: str, show: Show) -> None:
    """An agent whose tool brings the page in."""

    def get_weather(place: str) -> str:
        """Get the weather at a place."""
        return page.replace("Ohio", place)

    agent = secure(FunctionAgent(tools=[get_weather], llm=llm))
    show(str(await agent.run(question)))
