"""The audit sees what a recording server sees, in every flow of the leakage benchmark."""

from __future__ import annotations

import gc
import threading

# LlamaIndex imports it amid a flow. What is collected there may warn, which imports too, and on
# Python 3.11 the outer import then fails (gh-91351).
import nltk  # noqa: F401
import pytest
from llama_index.core import Settings

from benchmarks.leakage import langchain_flows, llama_index_flows
from benchmarks.leakage.audited import compare
from benchmarks.leakage.contenders import PROTECTED, UNPROTECTED
from benchmarks.leakage.payloads import own_documents
from benchmarks.leakage.recorder import Recorder

# LlamaIndex writes streamed answers to its history in threads that outlive the call.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

FLOWS = [*langchain_flows.FLOWS, *llama_index_flows.FLOWS]
# Their texts are strings of the program's own, or a tool's description: nothing brings them in.
UNSEEN = {
    "many pieces of each text",
    "marked by another process",
    "history with data messages, retold",
    "foreign tool",
}
CASES = [
    pytest.param(flow, flow.modes[number % len(flow.modes)], contender, id=f"{flow.name}-{name}")
    for number, flow in enumerate(FLOWS)
    for name, contender in (("bare", UNPROTECTED), ("protected", PROTECTED))
]


@pytest.fixture(scope="module")
def recorder():
    running = set(threading.enumerate())
    with Recorder() as recorder:
        llm, Settings._llm = Settings._llm, PROTECTED.models("llama_index", recorder.url)
        yield recorder
        Settings._llm = llm
    for thread in set(threading.enumerate()) - running:
        thread.join(timeout=1)
    gc.collect()  # what they leave open is expected here, and would fail any later test


@pytest.mark.parametrize(("flow", "mode", "contender"), CASES)
def test_both_see_the_same_leaks(recorder, flow, mode, contender):
    seen = compare(recorder, flow, contender, own_documents()[:4], mode)
    assert [] == seen.report.failures
    if contender is PROTECTED:
        assert [] == seen.findings, str(seen.report)
        assert seen.report.models
    elif flow.name not in UNSEEN:
        assert seen.agrees, str(seen.report)
