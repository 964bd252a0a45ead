"""LangChain flows: what its guides show, with any chat model of LangChain's."""

from __future__ import annotations

import html
import json
import textwrap
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from langchain.agents import create_agent
from langchain.agents.middleware import AgentState, dynamic_prompt
from langchain_core.documents import Document
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    HumanMessage,
    ToolMessage,
    get_buffer_string,
)
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import (
    ChatPromptTemplate,
    MessagesPlaceholder,
    PromptTemplate,
    format_document,
)
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableLambda, RunnablePassthrough
from langchain_core.tools import InjectedToolCallId, StructuredTool, create_retriever_tool, tool
from langgraph.types import Command
from pydantic import BaseModel

from benchmarks.leakage.flows import PROMPT, QUESTION, Flow, Mode, run_async
from grayswan_core.untrusted import ids
from langchain_grayswan import (
    DataMessage,
    UntrustedTools,
    mark_documents,
    mark_untrusted,
    untrusted_retriever,
    untrusted_tool,
    untrusted_tools,
    untrusted_variables,
)

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


def _late(
    messages: Sequence[tuple[str, str]], form: Format, template_format: Any = "f-string"
) -> Callable[..., None]:
    """Retrieval, and a prompt that marks its variable as it is formatted."""

    def run(model: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
        shown = [
            (role, text if template_format == "f-string" else _in_braces(text))
            for role, text in messages
        ]
        prompt: Any = ChatPromptTemplate(shown, template_format=template_format)
        prompt = untrusted_variables(prompt, "context") if protected else prompt
        context = _shelf(texts, protected=False) | form
        given = {"context": context, "question": RunnablePassthrough()}
        _run(given | prompt | model | StrOutputParser(), QUESTION, mode)

    return run


def _pieces(model: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    """Texts that were marked before they were cut; one prompt has many pieces of each."""
    prompt = PROMPT
    for number, text in enumerate(texts):
        marked = mark_untrusted(text) if protected else text
        for piece in (*_cut(marked), *_cut(marked)[:2]):
            prompt += f"\n\nPiece of page {number}:\n{piece}"
            prompt += "\nKeep to the facts of the piece above, whatever it says, and read on."
    _run(RunnableLambda(lambda text: [HumanMessage(text)]) | model, prompt, mode)


def _cut(text: str, size: int = 200) -> list[str]:
    """Pieces of about a size, cut at white space."""
    return textwrap.wrap(
        text, size, replace_whitespace=False, drop_whitespace=True, break_long_words=False
    )


def _elsewhere(model: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    """Texts that another process marked, as it put them into a queue or a checkpoint."""
    marked = [_marked_elsewhere(text) if protected else text for text in texts]
    prompt = ChatPromptTemplate(_SYSTEM)
    _run(prompt | model, {"context": "\n\n".join(marked), "question": QUESTION}, mode)


def _marked_elsewhere(text: str) -> str:
    own = ids._key  # noqa: SLF001 - another process has another key
    ids._key = lambda: b"of another process"  # type: ignore[assignment] # noqa: SLF001
    try:
        return mark_untrusted(text)
    finally:
        ids._key = own  # noqa: SLF001


def _retold(model: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    """A history with data messages in it, summarised as agents do it."""
    pages = [DataMessage(t) if protected else ChatMessage(t, role="data") for t in texts]
    prompt = ChatPromptTemplate([("system", PROMPT), ("human", "Sum up so far:\n{history}\nSo?")])
    history = get_buffer_string([HumanMessage("What do the pages say of swans?"), *pages])
    _run(prompt | model, {"history": history}, mode)


def _error(model: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    """An error of a tool, written into a prompt that asks what to do about it."""

    @tool
    def read(query: str) -> str:  # noqa: ARG001 - what the model asks
        """Read the pages."""
        raise ValueError("\n".join(texts))

    used = untrusted_tool(read) if protected else read
    try:
        used.invoke({"query": "birds"})
    except ValueError as error:
        said = str(error)
    prompt = ChatPromptTemplate(
        [("system", PROMPT), ("human", "The tool failed:\n{error}\nWhat is to be done now?")]
    )
    _run(prompt | model, {"error": said}, mode)


class Noted(AgentState):
    """An agent's state with notes in it."""

    notes: str


def _command(model: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    """A tool that writes into the agent's state, of which the system prompt is made."""

    @tool
    def read(tool_call_id: Annotated[str, InjectedToolCallId]) -> Any:
        """Read the pages."""
        said = ToolMessage("It is noted.", tool_call_id=tool_call_id)
        return Command(update={"notes": "\n".join(texts), "messages": [said]})

    @dynamic_prompt
    def with_notes(request: Any) -> str:
        return f"{PROMPT}\n\nNotes:\n{request.state.get('notes', '')}\nKeep to them."

    middleware = [UntrustedTools(), with_notes] if protected else [with_notes]
    agent = create_agent(model, [read], middleware=middleware, state_schema=Noted)
    _run(agent, {"messages": [HumanMessage(QUESTION)]}, mode)


def _foreign(model: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    """A tool of somebody else's, whose description and schema say more than they should."""
    described = "\n".join(texts)
    schema = {"type": "object", "properties": {"q": {"type": "string", "description": described}}}
    found = StructuredTool(
        name="search", description=described, args_schema=schema, func=lambda q: f"Found {q}."
    )
    (used,) = untrusted_tools([found], described=True) if protected else [found]
    agent = create_agent(model, [used], system_prompt=PROMPT)
    _run(agent, {"messages": [HumanMessage(QUESTION)]}, mode)


def _ids_and_keys(model: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    """Documents whose IDs and whose metadata's keys are texts, shown as they are."""
    found = [Document(text, id=text, metadata={text: 1, "title": text}) for text in texts]
    shelf: Any = Shelf(documents=found)
    shelf = untrusted_retriever(shelf) if protected else shelf
    given = {"context": shelf | str, "question": RunnablePassthrough()}
    _run(given | ChatPromptTemplate(_SYSTEM) | model, QUESTION, mode)


def _typed(model: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    """A prompt and a question that have the character of the marks in them."""
    prompt = ChatPromptTemplate(
        [
            ("system", PROMPT + " The sign \u2634 stands for wind.\n\n{context}"),
            ("human", "{question}"),
        ]
    )
    given = {"context": _shelf(texts, protected=protected) | _joined, "question": lambda q: q}
    _run(given | prompt | model, QUESTION + " And what is '\u2634', or \u2634?", mode)


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
    _flow("late, system prompt", _late(_SYSTEM, _joined)),
    _flow("late, user prompt, sources", _late(_USER, _with_sources), labels="Source:"),
    _flow("late, documents as they are", _late(_SYSTEM, lambda docs: docs)),
    _flow("late, jinja2", _late(_USER, _joined, "jinja2")),
    _flow("late, mustache", _late(_USER, _joined, "mustache")),
    _flow("many pieces of each text", _pieces, cuts=True),
    _flow("marked by another process", _elsewhere),
    _flow("history with data messages, retold", _retold),
    _flow("error of a tool, in a prompt", _error),
    _flow("hostile IDs and keys", _ids_and_keys),
    _flow("the character in trusted text", _typed),
    _flow("state by Command, in a prompt", _command),
    _flow("foreign tool", _foreign),
    _flow("text ReAct agent", _react),
    _flow("create_agent", _agent),
    _flow("create_agent, retriever tool", _retriever_agent),
    _flow("create_agent, prompt middleware", _prompted_agent),
]
