"""LangChain flows: what its guides show, with any chat model of LangChain's."""

from __future__ import annotations

import html
import json
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import dynamic_prompt
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import (
    ChatPromptTemplate,
    MessagesPlaceholder,
    PromptTemplate,
    format_document,
)
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableLambda, RunnablePassthrough
from langchain_core.tools import create_retriever_tool, tool
from pydantic import BaseModel

from benchmarks.leakage.flows import PROMPT, QUESTION, Flow, Mode, run_async
from langchain_grayswan import mark_documents, untrusted_retriever, untrusted_tool

__all__ = ["FLOWS"]

Format = Callable[[list[Document]], Any]
Build = Callable[[Any, "Shelf | Runnable[Any, Any]"], Runnable[Any, Any]]


class Shelf(BaseRetriever):
    """A retriever that finds all it has."""

    documents: list[Document]

    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return self.documents


def _shelf(texts: Sequence[str], *, protected: bool) -> Any:
    found = [Document(text, metadata={"source": text.split()[0]}) for text in texts]
    shelf = Shelf(documents=found)
    return untrusted_retriever(shelf) if protected else shelf


def _run(chain: Runnable[Any, Any], given: Any, mode: Mode) -> None:
    if mode == "sync":
        chain.invoke(given)
    elif mode == "async":
        run_async(chain.ainvoke(given))
    else:
        for _ in chain.stream(given):
            pass


def _joined(documents: list[Document]) -> str:
    return "\n\n".join(document.page_content for document in documents)


def _with_sources(documents: list[Document]) -> str:
    template = PromptTemplate.from_template("Source: {source}\n{page_content}")
    return "\n\n".join(format_document(document, template) for document in documents)


_CUT = "cut to a length"

_FORMATS: dict[str, Format] = {
    "joined": _joined,
    "with sources": _with_sources,
    "str(list)": lambda docs: str([document.page_content for document in docs]),
    "documents as they are": lambda docs: docs,
    "json.dumps": lambda docs: json.dumps([document.page_content for document in docs]),
    "json.dumps in json.dumps": lambda docs: json.dumps({"found": json.dumps([_joined(docs)])}),
    "html.escape": lambda docs: f"<page>{html.escape(_joined(docs))}</page>",
    "textwrap.fill": lambda docs: "\n\n".join(
        textwrap.fill(document.page_content, 72) for document in docs
    ),
    _CUT: lambda docs: "\n\n".join(document.page_content[:300] for document in docs),
}

_SYSTEM = [("system", PROMPT + "\n\n{context}\n"), ("human", "{question}")]
_USER = [
    ("system", PROMPT),
    ("human", "Use this context.\n\n{context}\n\nQuestion: {question}\nAnswer in one line."),
]


def _retrieval(
    messages: Sequence[tuple[str, str]], form: Format, template_format: Any = "f-string"
) -> Callable[..., None]:
    """Retrieval, a prompt, the model: in LCEL."""

    def run(model: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
        shown = [
            (role, text if template_format == "f-string" else _in_braces(text))
            for role, text in messages
        ]
        prompt = ChatPromptTemplate(shown, template_format=template_format)
        given = {
            "context": _shelf(texts, protected=protected) | form,
            "question": RunnablePassthrough(),
        }
        _run(given | prompt | model | StrOutputParser(), QUESTION, mode)

    return run


def _in_braces(template: str) -> str:
    return template.replace("{", "{{ ").replace("}", " }}")


def _text_prompt(model: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    prompt = PromptTemplate.from_template(PROMPT + "\n\n{context}\n\nQuestion: {question}")
    given = {
        "context": _shelf(texts, protected=protected) | _joined,
        "question": RunnablePassthrough(),
    }
    _run(given | prompt | model, QUESTION, mode)


def _history(model: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    """A conversation whose earlier turn held the pages, then a condensed question."""
    condense = ChatPromptTemplate(
        [
            ("system", "Say the question so that it stands alone."),
            MessagesPlaceholder("history"),
            ("human", "{question}"),
        ]
    )
    answer = ChatPromptTemplate(
        [
            ("system", PROMPT + "\n\n{context}"),
            MessagesPlaceholder("history"),
            ("human", "{question}"),
        ]
    )
    shelf = _shelf(texts, protected=protected)
    earlier = _joined(shelf.invoke(QUESTION))
    history = [HumanMessage(f"Read this first:\n{earlier}"), AIMessage("I have read it.")]
    search = condense | model | StrOutputParser() | shelf | _joined
    chain = RunnablePassthrough.assign(context=search) | answer | model
    _run(chain, {"question": QUESTION, "history": history}, mode)


def _map_reduce(model: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    each = (
        ChatPromptTemplate([("human", "Sum up in a line:\n\n{page}")]) | model | StrOutputParser()
    )
    total = ChatPromptTemplate([("system", PROMPT), ("human", "{sums}\n\n" + QUESTION)]) | model
    pages = _shelf(texts, protected=protected) | (
        lambda docs: [{"page": document.page_content} for document in docs]
    )
    _run(pages | each.map() | (lambda sums: {"sums": "\n".join(sums)}) | total, QUESTION, mode)


def _refine(model: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    step = ChatPromptTemplate(
        [("system", PROMPT), ("human", "So far: {answer}\nImprove it with:\n{page}\n" + QUESTION)]
    )
    answer = "Nothing is known."
    for document in _shelf(texts, protected=protected).invoke(QUESTION):
        chain = step | model | StrOutputParser()
        _run(chain, {"answer": answer, "page": document.page_content}, mode)


def _react(model: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    """A text ReAct agent: what a tool says is written into the prompt."""

    @tool
    def read(query: str) -> str:  # noqa: ARG001 - what the model asks
        """Read the pages."""
        return "\n".join(texts)

    used = untrusted_tool(read) if protected else read
    prompt = PromptTemplate.from_template(
        PROMPT + "\nUse the tool read.\n\nQuestion: {question}\nThought:{scratchpad}"
    )
    observed = used.run({"query": "birds"})
    scratchpad = (
        f" I must read.\nAction: read\nAction Input: birds\nObservation: {observed}\nThought:"
    )
    _run(prompt | model, {"question": QUESTION, "scratchpad": scratchpad}, mode)


def _agent(model: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    @tool
    def read(query: str) -> str:  # noqa: ARG001 - what the model asks
        """Read the pages."""
        return "\n".join(texts)

    agent = create_agent(model, [untrusted_tool(read) if protected else read], system_prompt=PROMPT)
    _run(agent, {"messages": [HumanMessage(QUESTION)]}, mode)


def _retriever_agent(model: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    shelf = _shelf(texts, protected=protected)
    found = create_retriever_tool(shelf, "search", "Search the pages.")
    agent = create_agent(model, [found], system_prompt=PROMPT)
    _run(agent, {"messages": [HumanMessage(QUESTION)]}, mode)


def _prompted_agent(model: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    """An agent whose middleware writes what it retrieved into the system prompt."""
    shelf = _shelf(texts, protected=protected)

    @dynamic_prompt
    def with_context(request: Any) -> str:  # noqa: ARG001 - middleware is given it
        return f"{PROMPT}\n\n{_joined(shelf.invoke(QUESTION))}"

    agent = create_agent(model, [], middleware=[with_context])
    _run(agent, {"messages": [HumanMessage(QUESTION)]}, mode)


class Fact(BaseModel):
    """What a page tells."""

    subject: str
    count: int


def _extraction(model: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    prompt = ChatPromptTemplate([("system", PROMPT), ("human", "Extract:\n{page}")])
    pages = _shelf(texts, protected=protected) | (lambda docs: {"page": _joined(docs)})
    _run(pages | prompt | model.with_structured_output(Fact), QUESTION, mode)


def _marked_by_hand(model: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    """Documents that no retriever brought: the Runnable for documents in front of the prompt."""
    prompt = ChatPromptTemplate(_SYSTEM)
    step = RunnableLambda(mark_documents) if protected else RunnablePassthrough()
    chain = step | (lambda docs: {"context": _joined(docs), "question": QUESTION}) | prompt | model
    _run(chain, [Document(text) for text in texts], mode)


def _flow(name: str, run: Callable[..., None], **more: Any) -> Flow:
    return Flow("langchain", name, run, **more)


FLOWS: list[Flow] = [
    *(
        _flow(f"LCEL, system prompt, {name}", _retrieval(_SYSTEM, f))
        for name, f in _FORMATS.items()
    ),
    _flow("LCEL, user prompt", _retrieval(_USER, _joined)),
    _flow("LCEL, jinja2", _retrieval(_USER, _joined, "jinja2")),
    _flow("LCEL, mustache", _retrieval(_USER, _joined, "mustache")),
    _flow("text prompt", _text_prompt),
    _flow("conversational retrieval", _history),
    _flow("map-reduce", _map_reduce),
    _flow("refine", _refine),
    _flow("structured extraction", _extraction),
    _flow("documents by hand", _marked_by_hand),
    _flow("text ReAct agent", _react),
    _flow("create_agent", _agent),
    _flow("create_agent, retriever tool", _retriever_agent),
    _flow("create_agent, prompt middleware", _prompted_agent),
]
