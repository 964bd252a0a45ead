"""Marks what retrievers, loaders and tools bring in as untrusted, in one line each.

A marked text keeps its marks through any prompt template. The model takes them off before it
sends a request, and sends what stands between them as `data`. What the marks are and what they
promise: `docs/untrusted-content.md`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import cache
from typing import Any, TypeVar, cast

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document
from langchain_core.messages import BaseMessage, ToolMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableConfig, RunnableSerializable
from langchain_core.tools import BaseTool
from langchain_core.tools import tool as make_tool

from grayswan_core.untrusted.values import mark_all, mark_untrusted, strip_with

__all__ = [
    "MarkDocuments",
    "UntrustedRetriever",
    "mark_documents",
    "mark_untrusted",
    "strip_marks",
    "untrusted_loader",
    "untrusted_retriever",
    "untrusted_tool",
]

_T = TypeVar("_T")


def strip_marks(value: _T) -> _T:
    """A copy without any mark: of a text, a document, a message, or lists and dicts of these.

    For what people see: sources, tool output, histories. A message keeps its artifact as it is,
    since marking leaves it alone.

    Raises:
        TypeError: it is, or holds, an object of another type.
    """
    return cast("_T", strip_with(_stripped, value))


def _stripped(value: Any) -> Any:
    if isinstance(value, Document):
        fields: tuple[str, ...] = ("id", "page_content", "metadata")
    elif isinstance(value, BaseMessage):
        fields = ("content", "additional_kwargs", "tool_calls", "invalid_tool_calls")
    else:
        raise TypeError(
            f"strip_marks() does not know where a {type(value).__name__} holds text. Pass a text,"
            " a Document, a message, or a list or dict of these."
        )
    held = {name: getattr(value, name) for name in fields if hasattr(value, name)}
    return value.model_copy(update=strip_marks(held))


def mark_documents(documents: Iterable[Document], *, metadata: bool = True) -> list[Document]:
    """Copies of documents whose text is marked as untrusted.

    ```python
    chain = {"context": retriever | mark_documents, "question": RunnablePassthrough()} | prompt
    ```

    Args:
        documents: The documents; they are left as they are.
        metadata: Whether the texts among the metadata are marked, too. Turn it off only where no
            prompt shows them and the program compares them, as it does the names of sources.
    """
    return [_marked_document(document, metadata=metadata) for document in documents]


def _marked_document(document: Document, *, metadata: bool = True) -> Document:
    update: dict[str, Any] = {"page_content": mark_untrusted(document.page_content)}
    if metadata:
        update["metadata"] = {key: mark_all(value) for key, value in document.metadata.items()}
    return document.model_copy(update=update)


class MarkDocuments(RunnableSerializable[Iterable[Document], list[Document]]):
    """`mark_documents` as a step of a chain of its own, with a name in traces.

    Args:
        metadata: Whether the texts among the metadata are marked, too.
    """

    metadata: bool = True

    def invoke(
        self,
        input: Iterable[Document],  # noqa: A002 - LangChain's name for it
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        """The documents, marked."""
        return self._call_with_config(self._marked, input, config, **kwargs)

    def _marked(self, documents: Iterable[Document]) -> list[Document]:
        return mark_documents(documents, metadata=self.metadata)


class UntrustedRetriever(BaseRetriever):
    """A retriever whose documents are marked as untrusted.

    ```python
    retriever = untrusted_retriever(store.as_retriever())
    ```

    Args:
        retriever: Where the documents come from. It stays in the trace as a child of this one.
        mark_metadata: Whether the texts among the metadata are marked, too.
    """

    retriever: Runnable[str, list[Document]]
    mark_metadata: bool = True

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **kwargs: Any
    ) -> list[Document]:
        config: RunnableConfig = {"callbacks": run_manager.get_child()}
        found = self.retriever.invoke(query, config, **kwargs)
        return mark_documents(found, metadata=self.mark_metadata)

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **kwargs: Any
    ) -> list[Document]:
        config: RunnableConfig = {"callbacks": run_manager.get_child()}
        found = await self.retriever.ainvoke(query, config, **kwargs)
        return mark_documents(found, metadata=self.mark_metadata)


def untrusted_retriever(
    retriever: Runnable[str, list[Document]], *, metadata: bool = True
) -> UntrustedRetriever:
    """A retriever whose documents are marked as untrusted.

    Args:
        retriever: A retriever, or any runnable from a query to documents.
        metadata: Whether the texts among the metadata are marked, too.
    """
    return UntrustedRetriever(retriever=retriever, mark_metadata=metadata)


class _UntrustedLoader(BaseLoader):
    def __init__(self, loader: BaseLoader, *, metadata: bool) -> None:
        self._loader = loader
        self._metadata = metadata

    def lazy_load(self) -> Iterator[Document]:
        for document in self._loader.lazy_load():
            yield _marked_document(document, metadata=self._metadata)

    async def alazy_load(self) -> AsyncIterator[Document]:
        async for document in self._loader.alazy_load():
            yield _marked_document(document, metadata=self._metadata)


def untrusted_loader(loader: BaseLoader, *, metadata: bool = True) -> BaseLoader:
    """A loader whose documents are marked as untrusted.

    For documents that go into a prompt. Those that go into an index are better marked when they
    come out of it (`untrusted_retriever`): another process does not know this one's marks, and
    nothing is embedded but the text.

    Args:
        loader: Where the documents come from.
        metadata: Whether the texts among the metadata are marked, too.
    """
    return _UntrustedLoader(loader, metadata=metadata)


def untrusted_tool(tool: BaseTool | Callable[..., Any]) -> BaseTool:
    """A tool whose results are marked as untrusted; also usable as a decorator.

    The tool keeps its class, its name, its schema and what is injected into it. Its results are
    marked on their way out: the content of a `ToolMessage`, but not its artifact; messages in a
    `Command`; and of a bare result every text in it (`grayswan_core.untrusted.values.mark_all`).

    Args:
        tool: A tool, which is left as it is, or a function to make one of.
    """
    plain_tool = tool if isinstance(tool, BaseTool) else make_tool(tool)
    if isinstance(plain_tool, _MarksResults):
        return plain_tool
    copy = plain_tool.model_copy()
    copy.__class__ = _marking_class(type(plain_tool))
    return copy


class _MarksResults(BaseTool):
    """What `untrusted_tool` puts before a tool's own class."""

    def run(self, *args: Any, **kwargs: Any) -> Any:
        return _marked_result(super().run(*args, **kwargs))

    async def arun(self, *args: Any, **kwargs: Any) -> Any:
        return _marked_result(await super().arun(*args, **kwargs))

    def __reduce__(self) -> tuple[Any, ...]:
        # The class is made while the program runs, so a pickle cannot name it.
        bare = self.model_copy()
        bare.__class__ = type(self).__mro__[2]
        return untrusted_tool, (bare,)


@cache
def _marking_class(tool_class: type[BaseTool]) -> type[BaseTool]:
    name = f"Untrusted{tool_class.__name__}"
    return type(name, (_MarksResults, tool_class), {"__module__": __name__})


def _marked_result(result: Any) -> Any:
    if isinstance(result, BaseMessage):
        return result.model_copy(update={"content": _marked_content(result.content)})
    if isinstance(result, Document):
        return _marked_document(result)
    if dataclasses.is_dataclass(result) and hasattr(result, "update"):
        # LangGraph's `Command`: what it changes beside messages is the program's own state.
        return dataclasses.replace(cast("Any", result), update=_marked_update(result.update))
    if isinstance(result, list):
        return [_marked_result(item) for item in result]
    return mark_all(result)


def _marked_content(content: str | list[str | dict[Any, Any]]) -> str | list[str | dict[Any, Any]]:
    if isinstance(content, str):
        return mark_untrusted(content)
    return [_marked_block(block) for block in content]


def _marked_block(block: str | dict[Any, Any]) -> str | dict[Any, Any]:
    if isinstance(block, str):
        return mark_untrusted(block)
    return {**block, "text": mark_untrusted(str(block["text"]))} if "text" in block else block


def _marked_update(update: Any) -> Any:
    if isinstance(update, dict):
        return {key: _marked_update(value) for key, value in update.items()}
    if isinstance(update, (list, tuple)):
        return type(update)(_marked_update(item) for item in update)
    return _marked_result(update) if isinstance(update, ToolMessage) else update
