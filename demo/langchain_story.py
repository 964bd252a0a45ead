"""LangChain's part. The bodies of these functions are the code shown on the screen."""

from __future__ import annotations

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

from demo.screen import Show
from grayswan_core import CygnalGuard
from langchain_grayswan import ChatGraySwan, DataMessage, protect

__all__ = ["aplain", "ask_page", "astream", "chain", "guarded", "messages", "plain", "stream"]


def messages(system: str, question: str) -> list[BaseMessage]:
    """What is sent in the four calls."""
    return [
        SystemMessage(system),
        HumanMessage(question),
    ]


def plain(model: ChatGraySwan, messages: list[BaseMessage], show: Show) -> None:
    """The whole answer at once."""
    show(model.invoke(messages).text)


def stream(model: ChatGraySwan, messages: list[BaseMessage], show: Show) -> None:
    """Token by token."""
    for chunk in model.stream(messages):
        show(chunk.text)


async def aplain(model: ChatGraySwan, messages: list[BaseMessage], show: Show) -> None:
    """The whole answer at once, async."""
    message = await model.ainvoke(messages)
    show(message.text)


async def astream(model: ChatGraySwan, messages: list[BaseMessage], show: Show) -> None:
    """Token by token, async."""
    async for chunk in model.astream(messages):
        show(chunk.text)


def chain(model: ChatGraySwan, system: str, question: str, page: str, show: Show) -> None:
    """A prompt, the model and a parser, streamed."""
    prompt = ChatPromptTemplate(
        [
            ("system", system),
            ("human", "{question}"),
            ("placeholder", "{pages}"),
        ]
    )
    chain = prompt | model | StrOutputParser()
    inputs = {
        "question": question,
        "pages": [DataMessage(content=page)],
    }
    for piece in chain.stream(inputs):
        show(piece)


def ask_page(model: ChatGraySwan, system: str, question: str, page: str, show: Show) -> None:
    """A question about a page that nobody vouches for."""
    messages = [
        SystemMessage(system),
        HumanMessage(question),
        DataMessage(content=page),
    ]
    for chunk in model.stream(messages):
        show(chunk.text)


def guarded(
    model: ChatGraySwan, guard: CygnalGuard, messages: list[BaseMessage], show: Show
) -> None:
    """A model whose every call is judged; any chat model will do."""
    protected = protect(model, guard)
    for chunk in protected.stream(messages):
        show(chunk.text)
