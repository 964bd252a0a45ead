"""Gray Swan's Cygnet for LangChain."""

from __future__ import annotations

try:
    import langchain_core  # noqa: F401 - only to say which extra brings it
except ImportError as error:
    raise ImportError(
        "langchain_grayswan needs LangChain. Install it with:"
        ' pip install "grayswan-integrations[langchain]"'
    ) from error

from langchain_grayswan.chat_models import ChatGraySwan
from langchain_grayswan.messages import DataMessage
from langchain_grayswan.prompts import DataMessagePromptTemplate
from langchain_grayswan.untrusted import (
    MarkDocuments,
    UntrustedRetriever,
    mark,
    mark_documents,
    plain,
    untrusted_loader,
    untrusted_retriever,
    untrusted_tool,
)

__all__ = [
    "ChatGraySwan",
    "DataMessage",
    "DataMessagePromptTemplate",
    "MarkDocuments",
    "UntrustedRetriever",
    "mark",
    "mark_documents",
    "plain",
    "untrusted_loader",
    "untrusted_retriever",
    "untrusted_tool",
]
