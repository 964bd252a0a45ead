"""LlamaIndex's part. The bodies of these functions are the code shown on the screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llama_index.core import ChatPromptTemplate, Document, VectorStoreIndex
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent
from llama_index.core.instrumentation.events.llm import LLMChatEndEvent
from llama_index.core.llms import ChatMessage
from llama_index.core.schema import NodeWithScore
from llama_index_instrumentation import get_dispatcher

from demo.embedding import HashedWords
from demo.screen import Show
from grayswan_core import CygnalGuard
from llama_index_grayswan import GraySwan, data_message, protect

__all__ = [
    "TokenCount",
    "aplain",
    "ask_documents",
    "ask_page",
    "astream",
    "count_tokens",
    "guarded",
    "index_documents",
    "messages",
    "plain",
    "stream",
]


def messages(system: str, question: str) -> list[ChatMessage]:
    """What is sent in the four calls."""
    return [
        ChatMessage(system, role="system"),
        ChatMessage(question, role="user"),
    ]


def plain(llm: GraySwan, messages: list[ChatMessage], show: Show) -> None:
    """The whole answer at once."""
    show(llm.chat(messages).message.content)


def stream(llm: GraySwan, messages: list[ChatMessage], show: Show) -> None:
    """Token by token."""
    for answer in llm.stream_chat(messages):
        show(answer.delta)


async def aplain(llm: GraySwan, messages: list[ChatMessage], show: Show) -> None:
    """The whole answer at once, async."""
    answer = await llm.achat(messages)
    show(answer.message.content)


async def astream(llm: GraySwan, messages: list[ChatMessage], show: Show) -> None:
    """Token by token, async."""
    answers = await llm.astream_chat(messages)
    async for answer in answers:
        show(answer.delta)


def index_documents(folder: Path) -> VectorStoreIndex:
    """An index of the Markdown files of a folder, in memory; their names are their ids."""
    # They are short: each is found, and sent, as a whole.
    documents = [
        Document(text=path.read_text(encoding="utf-8"), id_=path.name)
        for path in sorted(folder.glob("*.md"))
    ]
    return VectorStoreIndex(documents, embed_model=HashedWords())


def ask_documents(
    llm: GraySwan,
    index: VectorStoreIndex,
    system: str,
    question: str,
    show: Show,
    cite: Callable[[NodeWithScore], None],
) -> None:
    """A question about the documents, streamed, and the sources of the answer."""
    # The stock template would put the documents
    # into the user's message.
    template = ChatPromptTemplate(
        [
            ChatMessage(system, role="system"),
            ChatMessage("{query_str}", role="user"),
            data_message("{context_str}"),
        ]
    )
    engine = index.as_query_engine(
        llm=llm,
        text_qa_template=template,
        streaming=True,
    )
    answer: Any = engine.query(question)
    for piece in answer.response_gen:
        show(piece)
    for source in answer.source_nodes:
        cite(source)


def ask_page(llm: GraySwan, system: str, question: str, page: str, show: Show) -> None:
    """A question about a page that nobody vouches for."""
    messages = [
        ChatMessage(system, role="system"),
        ChatMessage(question, role="user"),
        data_message(page),
    ]
    for answer in llm.stream_chat(messages):
        show(answer.delta)


class TokenCount(BaseEventHandler):
    """Adds up the tokens of all chats."""

    prompt: int = 0
    completion: int = 0

    def handle(self, event: BaseEvent, **kwargs: Any) -> None:
        """Take the counts from the end of each chat, where the API reported any."""
        if isinstance(event, LLMChatEndEvent) and event.response is not None:
            counts = event.response.additional_kwargs
            self.prompt += counts.get("prompt_tokens", 0)
            self.completion += counts.get("completion_tokens", 0)


@contextmanager
def count_tokens() -> Iterator[TokenCount]:
    """Count the tokens of the chats inside the block."""
    handlers = get_dispatcher().event_handlers
    count = TokenCount()
    handlers.append(count)
    try:
        yield count
    finally:
        handlers.remove(count)


def guarded(llm: GraySwan, guard: CygnalGuard, messages: list[ChatMessage], show: Show) -> None:
    """An LLM whose every call is judged; any LLM will do."""
    protected = protect(llm, guard)
    for response in protected.stream_chat(messages):
        show(response.delta or "")
