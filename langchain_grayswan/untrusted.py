"""Marks what retrievers and loaders bring in as untrusted, in one line each.

A marked text keeps its marks through any prompt template. The model takes them off before it
sends a request, and sends what stands between them as `data`. What the marks are and what they
promise: `docs/untrusted-content.md`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from typing import Any, TypeVar, cast

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableConfig, RunnableSerializable
from pydantic import BaseModel

from grayswan_core import ConfigurationError
from grayswan_core.untrusted.values import mark_untrusted, strip_with
from langchain_grayswan.holding import holds_model
from langchain_grayswan.marking import MARKED_FIELDS, fields_of, marked_document
from langchain_grayswan.marking_tools import untrusted_tool, untrusted_tools

__all__ = [
    "MarkDocuments",
    "UntrustedRetriever",
    "mark_documents",
    "mark_untrusted",
    "strip_marks",
    "untrusted_loader",
    "untrusted_retriever",
    "untrusted_tool",
    "untrusted_tools",
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
        fields: Collection[str] = fields_of(value)
    elif isinstance(value, BaseMessage):
        fields = MARKED_FIELDS
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
    return [marked_document(document, metadata=metadata) for document in documents]


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
    retriever: Runnable[str, list[Document]], *, metadata: bool = True, allow_models: bool = False
) -> UntrustedRetriever:
    """A retriever whose documents are marked as untrusted.

    Args:
        retriever: A retriever, or any runnable from a query to documents.
        metadata: Whether the texts among the metadata are marked, too.
        allow_models: Whether it may hold a language model, as one that compresses or reranks does.
            The retrievers inside of it are marked then, too, so that its model is not shown
            documents as instructions. To work, that model has to be a `ChatGraySwan`.

    Raises:
        ConfigurationError: it holds a language model, and that is not allowed, or the retriever
            that the model's documents come from cannot be found; or it is no runnable.
    """
    if not isinstance(retriever, Runnable):
        raise ConfigurationError(
            f"A retriever or another runnable is expected, not a {type(retriever).__name__}. Of a"
            " function, make a RunnableLambda; of a vector store, call as_retriever()."
        )
    if holds_model(retriever):
        if not allow_models:
            raise ConfigurationError(
                f"This {type(retriever).__name__} holds a language model, or reaches one by name,"
                " which may see what it retrieves before anything is marked. Mark the retriever"
                " inside of it, or pass allow_models=True to have that done. If no model sees it,"
                " `| mark_documents` marks what comes out."
            )
        retriever = _marked_inside(retriever)
    return UntrustedRetriever(retriever=retriever, mark_metadata=metadata)


def _marked_inside(retriever: Any) -> Any:
    """A copy of a retriever whose inner retrievers are marked."""
    fields = vars(retriever) if isinstance(retriever, BaseModel) else {}
    marked = {
        name: _marked_each(value)
        for name, value in fields.items()
        if _is_retriever(value) or any(map(_is_retriever, _members(value)))
    }
    if not marked:
        raise ConfigurationError(
            f"In this {type(retriever).__name__} no retriever is found whose documents its model is"
            " shown. Mark that retriever itself, with untrusted_retriever(), before you build this."
        )
    return retriever.model_copy(update=marked)


def _marked_each(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _marked_each(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_marked_each, value))
    if not _is_retriever(value) or isinstance(value, UntrustedRetriever):
        return value
    return untrusted_retriever(value, allow_models=True)


def _members(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, (list, tuple)) else ()


def _is_retriever(value: Any) -> bool:
    return isinstance(value, BaseRetriever)


class _UntrustedLoader(BaseLoader):
    def __init__(self, loader: BaseLoader, *, metadata: bool) -> None:
        self._loader = loader
        self._metadata = metadata

    def lazy_load(self) -> Iterator[Document]:
        for document in self._loader.lazy_load():
            yield marked_document(document, metadata=self._metadata)

    async def alazy_load(self) -> AsyncIterator[Document]:
        async for document in self._loader.alazy_load():
            yield marked_document(document, metadata=self._metadata)


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
