"""Measures every flow and writes a table, the figures as JSON, and a plot.

    python -m benchmarks.leakage --out somewhere/

The full comparison needs `langchain-openai`, `llama-index-llms-openai`, `agentdojo` (install it
with `--no-deps`), `bpe-openai` and `matplotlib`; what is not installed is left out, and said.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from llama_index.core import Settings

from benchmarks.leakage import langchain_flows, llama_index_flows
from benchmarks.leakage.contenders import PROTECTED, contenders
from benchmarks.leakage.measuring import run_flow
from benchmarks.leakage.overhead import overhead
from benchmarks.leakage.payloads import agentdojo_documents, documents, own_documents
from benchmarks.leakage.recorder import Recorder
from benchmarks.leakage.report import as_json, plot, table

_DOCUMENTS = 6
_RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.leakage", description=__doc__)
    parser.add_argument("--out", type=Path, default=_RESULTS)
    parser.add_argument("--documents", type=int, default=_DOCUMENTS, help="how many in each flow")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    given.out.mkdir(parents=True, exist_ok=True)
    _measure(given.out, given.documents)


def _measure(out: Path, count: int) -> None:
    under_test = contenders()
    names = [contender.name for contender in under_test]
    attacks = len(agentdojo_documents())
    pool = documents(attacks + len(own_documents()))
    results = []
    with Recorder() as recorder:
        # LlamaIndex makes parts of engines with the default model; it is to be the one at hand.
        Settings.llm = PROTECTED.models("llama_index", recorder.url)
        for number, flow in enumerate((*langchain_flows.FLOWS, *llama_index_flows.FLOWS)):
            # Each flow has other documents, so that all attacks have their turn.
            texts = [pool[(number * count + each) % len(pool)] for each in range(count)]
            for contender in under_test:
                results += [run_flow(recorder, flow, contender, texts, m) for m in flow.modes]
            print(f"{flow.framework}: {flow.name}")  # noqa: T201 - it is a command
    about: dict[str, Any] = {"agentdojo_attacks": attacks, "own_attacks": len(own_documents())}
    shown = table(results, names, PROTECTED.name)
    (out / "table.md").write_text(shown, encoding="utf-8")
    print(f"\n{shown}\n{about}")  # noqa: T201
    about["tokens_per_thousand"] = _or_left_out(overhead)
    print(about["tokens_per_thousand"])  # noqa: T201
    _or_left_out(lambda: plot(results, names, out / "plot.svg"))
    (out / "results.json").write_text(as_json(results, about), encoding="utf-8")


def _or_left_out(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except ImportError as error:
        print(f"Left out: {error}.")  # noqa: T201
        return None


if __name__ == "__main__":
    main()
