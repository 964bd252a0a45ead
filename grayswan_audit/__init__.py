"""Audits a whole program: whichever of LangChain and LlamaIndex is installed, or both.

    python -m grayswan_audit script.py

The pytest fixture `grayswan_audit` does the same for a test.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec

from grayswan_core.audit import Audit, Finding, Report, Source
from grayswan_core.untrusted.finder import MAX_WORDS

__all__ = ["Audit", "Finding", "Report", "Source", "audit_untrusted"]

_ADAPTERS = {
    "langchain_core": "langchain_grayswan.audit",
    "llama_index.core": "llama_index_grayswan.audit",
}


def audit_untrusted(
    *, own: Iterable[str] = (), canaries: bool = False, max_words: int = MAX_WORDS
) -> Audit:
    """See whether text from outside reaches a model, in every framework that is installed.

    Args:
        own: Texts of the program's own, such as its prompts, that are never findings.
        canaries: Whether a harmless, recognisable attack is added to what each retriever finds.
        max_words: How many words are kept to compare with, at about 110 bytes each.

    Raises:
        ImportError: no framework is installed.
    """
    attach = [
        import_module(adapter).attached
        for framework, adapter in _ADAPTERS.items()
        if _is_installed(framework)
    ]
    if not attach:
        raise ImportError(
            "There is no framework to audit. Install LangChain or LlamaIndex where your program"
            ' runs, as in: pip install "grayswan-integrations[langchain]"'
        )
    return Audit(attach, own=own, canaries=canaries, max_words=max_words)


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of its package
        return False
