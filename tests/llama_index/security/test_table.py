"""Each class of the installed LlamaIndex is in the table, and each that is secured is measured."""

from __future__ import annotations

import asyncio
import gc
import importlib
import inspect
import pkgutil
import warnings
from contextlib import suppress
from pathlib import Path

import llama_index.core
import pytest
from llama_index.core import MockEmbedding, Settings
from llama_index_parts import OTHER, PAGE, RUNS

import llama_index_grayswan
from benchmarks.leakage.metrics import measure, requests_of
from benchmarks.leakage.recorder import Recorder
from llama_index_grayswan import GraySwan, secure
from llama_index_grayswan.security.table import ROWS, Refused, Secured, ShowsNothing
from llama_index_grayswan.security.walk import KINDS, full_name

pytestmark = [
    # LlamaIndex runs async evaluators in loops of their own, and leaves their connections to us.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    # A workflow's context cannot write down every memory, and says so.
    pytest.mark.filterwarnings("ignore:Skipping serialization of known unserializable key"),
]


PACKAGES = (llama_index.core, llama_index_grayswan)
PREFIXES = tuple(f"{package.__name__}." for package in PACKAGES)


def exported():
    """The concrete classes of LlamaIndex and of this package whose objects are parts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for package in PACKAGES:
            for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
                with suppress(ImportError):  # it wants a package that is not installed
                    importlib.import_module(module.name)

    def below(kind):
        for each in kind.__subclasses__():
            yield each
            yield from below(each)

    found = {each for kind in KINDS for each in (kind, *below(kind))}
    return {
        full_name(each): each
        for each in found
        if each.__module__.startswith(PREFIXES)
        and each.__module__ != "llama_index_grayswan.subclassing"  # classes made at run time
        and not inspect.isabstract(each)
    }


def test_every_class_is_in_the_table_and_no_other_but_those_of_older_versions():
    classes = exported()
    known = {name for name in ROWS if name.startswith(PREFIXES)}
    assert set() == set(classes) - known
    assert known - set(classes) <= {"llama_index.core.llama_dataset.generator.RagDatasetGenerator"}
    assert len(classes) > 110


def test_every_secured_class_is_run():
    assert {name for name, row in ROWS.items() if isinstance(row, Secured)} == set(RUNS)


SHOWN = {Secured: "secured", ShowsNothing: "shows no untrusted text"}


def line(name, row):
    what = f"refused: {row.advice}" if isinstance(row, Refused) else SHOWN[type(row)]
    return f"| `{name.removeprefix('llama_index.core.')}` | {what} |"


def test_the_page_on_the_classes_is_the_table():
    page = (Path(__file__).parents[3] / "docs" / "llama-index-classes.md").read_text()
    rows = [line(name, row) for name, row in ROWS.items() if not name.startswith("llama_index_")]
    assert rows == [each for each in page.splitlines() if each.startswith("| `")]


def test_every_refusal_says_what_to_do():
    for row in ROWS.values():
        if isinstance(row, Refused):
            assert row.advice.endswith(".")


@pytest.fixture(scope="module")
def recorder():
    with Recorder() as recorder:
        yield recorder
    gc.collect()  # what is left open is expected here, and would fail a later test


def sent(recorder, run, *, protected, in_async):
    recorder.take()
    recorder.answers.extend(run.answers)
    llm = GraySwan(base_url=recorder.url, api_key="local", max_retries=0)
    Settings.llm = llm  # which some parts take for theirs
    Settings.embed_model = MockEmbedding(embed_dim=2)

    def part():
        return secure(run.make(llm)) if protected else run.make(llm)

    async def used():
        async with llm:
            await run.ause(part())

    if in_async:
        asyncio.run(used())
    else:
        with llm:
            run.use(part())
    return requests_of(recorder.take())


CASES = [
    pytest.param(name, in_async, id=f"{name.split('.')[-1]}-{'async' if in_async else 'sync'}")
    for name, run in RUNS.items()
    for in_async in (False, True)
    if (run.ause if in_async else run.use) is not None
]


@pytest.mark.parametrize(("name", "in_async"), CASES)
def test_a_secured_class_shows_untrusted_text_as_data(recorder, name, in_async):
    run = RUNS[name]
    bare = sent(recorder, run, protected=False, in_async=in_async)
    secured = sent(recorder, run, protected=True, in_async=in_async)
    figures = measure(secured, [PAGE, OTHER], unprotected=bare, probed=[])
    unprotected = measure(bare, [PAGE, OTHER], unprotected=bare, probed=[])
    assert len(bare) == len(secured)
    assert bool(unprotected.trusted_bytes) == run.shows  # else the run would show nothing
    assert (0, 0) == (figures.trusted_bytes, figures.residue)
    assert 1 == figures.recall
