"""The core of the leakage benchmark: every flow, protected, with the attacks that ship."""

from __future__ import annotations

import gc
import threading

import pytest

pytest.importorskip("langchain")
pytest.importorskip("llama_index.core")
pytest.importorskip("uvicorn")

from llama_index.core import Settings

from benchmarks.leakage import langchain_flows, llama_index_flows
from benchmarks.leakage.contenders import PROTECTED, UNPROTECTED
from benchmarks.leakage.measuring import run_flow
from benchmarks.leakage.metrics import PROBE, Request, measure
from benchmarks.leakage.payloads import own_documents
from benchmarks.leakage.recorder import Recorder
from benchmarks.leakage.report import table
from grayswan_core.untrusted.marks import mark_untrusted
from grayswan_core.untrusted.spans import split

# LlamaIndex writes streamed answers to its history in threads that outlive the call.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

FLOWS = [*langchain_flows.FLOWS, *llama_index_flows.FLOWS]
CASES = [
    pytest.param(flow, mode, number, id=f"{flow.framework}-{flow.name}-{mode}")
    for number, flow in enumerate(FLOWS)
    for mode in flow.modes
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


def texts_for(number):
    documents = own_documents()
    return [documents[(number * 4 + each) % len(documents)] for each in range(4)]


@pytest.mark.parametrize(("flow", "mode", "number"), CASES)
def test_nothing_untrusted_reaches_a_trusted_role(recorder, flow, mode, number):
    figures = run_flow(recorder, flow, PROTECTED, texts_for(number), mode).figures
    assert 0 == figures.leakage
    assert 0 == figures.residue
    assert 0 == figures.moved
    assert figures.recall >= (0.75 if flow.cuts else 0.99)


def test_without_a_word_on_the_source_most_flows_give_all_of_it_away(recorder):
    flows = [flow for flow in FLOWS if "agent" not in flow.name.lower()]
    leaking = [
        run_flow(recorder, flow, UNPROTECTED, texts_for(0)[:2], flow.modes[0]).figures.leakage
        for flow in flows
    ]
    assert all(leakage == 1 for leakage in leaking)
    assert len(leaking) >= 20


def test_there_are_twenty_flows_and_more():
    assert len(FLOWS) >= 40
    assert {"langchain", "llama_index"} == {flow.framework for flow in FLOWS}


DOCUMENT = "Swans mate for life & build their nests of reeds beside the quiet water."


def figures_of(*texts, documents=(DOCUMENT,), probed=()):
    bare = Request((("user", DOCUMENT),))
    requests = [Request(tuple(texts))]
    return measure(requests, documents, unprotected=[bare], probed=[Request(tuple(probed))])


@pytest.mark.parametrize(
    "hidden",
    [
        DOCUMENT,
        DOCUMENT.replace(" ", "\n\t "),
        DOCUMENT.replace("&", "&amp;"),
        DOCUMENT.replace("&", "&amp;amp;"),
        f'"{DOCUMENT}"'.replace(" ", "\\n"),
        DOCUMENT.replace("fi", "\ufb01"),
        "Note: " + " ".join(DOCUMENT.split()[2:11]),
    ],
)
@pytest.mark.parametrize("role", ["system", "user", "assistant", "developer"])
def test_the_measure_sees_a_document_however_it_is_written(role, hidden):
    assert figures_of((role, hidden)).leakage == 1
    assert figures_of((role, hidden), ("data", DOCUMENT)).leakage > 0.5


def test_the_measure_knows_what_is_no_leak():
    assert 0 == figures_of(("data", DOCUMENT), ("user", "What about swans?")).leakage
    assert 0 == figures_of(("tool", DOCUMENT)).leakage
    assert 0 == figures_of(("user", " ".join(DOCUMENT.split()[:7]))).leakage


def test_the_measure_sees_what_is_lost():
    assert 0 == figures_of(("user", "Hello")).recall
    own = f"Read this: {PROBE.format(0)} Go on with: {PROBE.format(1)} Then answer me."
    probed = [("user", own)]
    kept = "Read this: [data 1] Go on with: [data 2] Then answer me."
    assert 0 == figures_of(("user", kept), probed=probed).moved
    assert 3 == figures_of(("user", kept.replace("Go on with: ", "")), probed=probed).moved
    assert 3 == figures_of(("user", kept.removesuffix("Then answer me.")), probed=probed).moved
    assert 8 == figures_of(("data", kept), probed=probed).moved


def test_the_measure_sees_marks():
    assert figures_of(("data", mark_untrusted(DOCUMENT))).residue > 0
    assert 1 == figures_of(("user", "a\u2634 b")).residue
    typed = [("user", f"a\u2634 b {PROBE.format(0)}")]
    assert 0 == figures_of(("user", "a\u2634 b"), probed=typed).residue
    assert 1 == figures_of(("user", "a\u2634 b\u2634"), probed=typed).residue
    assert 0 == figures_of(("user", "a \u2634 b")).residue
    own = f"{DOCUMENT} The sign\u2634 is the wind."
    assert 0 == figures_of(("data", own), documents=[own]).residue
    assert 1 == figures_of(("user", own), documents=[own]).residue


def test_the_table_has_a_row_for_each_flow(recorder):
    flow = FLOWS[0]
    results = [
        run_flow(recorder, flow, each, texts_for(0), "sync") for each in (UNPROTECTED, PROTECTED)
    ]
    shown = table(results, [UNPROTECTED.name, PROTECTED.name], PROTECTED.name)
    assert (
        "| LangChain: LCEL, system prompt, joined | sync | 100 % | 0 % | 100 % | 0 | 0 |" in shown
    )


# What cuts a marked text after the fact: splitters of both frameworks, at many sizes.


def pieces_of(text):
    from llama_index.core.node_parser import SentenceSplitter, TokenTextSplitter  # noqa: PLC0415

    for size in (12, 20, 35, 64, 128):
        yield from TokenTextSplitter(chunk_size=size, chunk_overlap=size // 5).split_text(text)
        yield from SentenceSplitter(chunk_size=size, chunk_overlap=size // 5).split_text(text)


@pytest.mark.parametrize("number", range(len(own_documents())))
def test_what_a_splitter_cuts_leaks_no_shingle(number):
    document = own_documents()[number]
    for piece in pieces_of(mark_untrusted(document)):
        prompt = f"Answer from this.\n\n{piece}\n\nWhat is it about? Answer briefly."
        parts = [("data" if each.untrusted else "user", each.text) for each in split(prompt)]
        figures = figures_of(*parts, documents=[document])
        assert 0 == figures.leakage
        trusted = "".join(text for role, text in parts if role == "user")
        assert trusted.startswith("Answer from this.")
        assert trusted.endswith("What is it about? Answer briefly.")
