from __future__ import annotations

import subprocess
import sys

import langchain_grayswan


def test_the_public_names():
    assert langchain_grayswan.__all__ == [
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
    assert all(hasattr(langchain_grayswan, name) for name in langchain_grayswan.__all__)
    assert dir(langchain_grayswan) == sorted(langchain_grayswan.__all__)


def test_without_langchain_the_import_says_what_to_install():
    code = "import sys; sys.modules['langchain_core'] = None; import langchain_grayswan"
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", code], capture_output=True, check=False, text=True
    )

    assert 'pip install "grayswan-integrations[langchain]"' in done.stderr
    assert done.returncode == 1
