"""Gray Swan's Cygnet for LangChain."""

from __future__ import annotations

from typing import TYPE_CHECKING

try:
    import langchain_core  # noqa: F401 - only to say which extra brings it
except ImportError as error:
    raise ImportError(
        "langchain_grayswan needs LangChain. Install it with: pip install langchain-grayswan"
    ) from error

from grayswan_core._package import lazy_attributes
from langchain_grayswan.chat_models import ChatGraySwan
from langchain_grayswan.messages import DataMessage

if TYPE_CHECKING:
    from langchain_grayswan.audit import audit_untrusted
    from langchain_grayswan.fallback import untrusted_fallback
    from langchain_grayswan.guard.documents import GuardDocuments
    from langchain_grayswan.guard.middleware import CygnalMiddleware
    from langchain_grayswan.guard.protecting import protect
    from langchain_grayswan.marking_middleware import UntrustedTools
    from langchain_grayswan.prompts import DataMessagePromptTemplate, untrusted_variables
    from langchain_grayswan.untrusted import (
        MarkDocuments,
        UntrustedRetriever,
        mark_documents,
        mark_untrusted,
        strip_marks,
        untrusted_loader,
        untrusted_retriever,
        untrusted_tool,
        untrusted_tools,
    )
else:  # prompts and retrievers take longer to import than all the rest
    __getattr__ = lazy_attributes(
        __name__,
        {
            "CygnalMiddleware": "guard.middleware",
            "DataMessagePromptTemplate": "prompts",
            "GuardDocuments": "guard.documents",
            "MarkDocuments": "untrusted",
            "UntrustedRetriever": "untrusted",
            "audit_untrusted": "audit",
            "mark_untrusted": "untrusted",
            "mark_documents": "untrusted",
            "protect": "guard.protecting",
            "strip_marks": "untrusted",
            "untrusted_loader": "untrusted",
            "untrusted_retriever": "untrusted",
            "untrusted_variables": "prompts",
            "untrusted_tools": "untrusted",
            "untrusted_fallback": "fallback",
            "UntrustedTools": "marking_middleware",
            "untrusted_tool": "untrusted",
        },
    )

__all__ = [
    "ChatGraySwan",
    "CygnalMiddleware",
    "DataMessage",
    "DataMessagePromptTemplate",
    "GuardDocuments",
    "MarkDocuments",
    "UntrustedRetriever",
    "UntrustedTools",
    "audit_untrusted",
    "mark_documents",
    "mark_untrusted",
    "protect",
    "strip_marks",
    "untrusted_fallback",
    "untrusted_loader",
    "untrusted_retriever",
    "untrusted_tool",
    "untrusted_tools",
    "untrusted_variables",
]


def __dir__() -> list[str]:
    return __all__
