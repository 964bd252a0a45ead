"""Runs all the benchmarks in one go and writes a table, a JSON file and plots.

python -m benchmarks.performance [--out DIRECTORY] [--short]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.performance.cases import CASES, Case
from benchmarks.performance.measuring import in_turns
from benchmarks.performance.plots import draw
from benchmarks.performance.probes import COLD_START, IDLE_STREAM, IMPORTS
from benchmarks.performance.ratios import ratios
from benchmarks.performance.server import running_server
from benchmarks.performance.table import write_table

_PACKAGES = (
    "grayswan-integrations",
    "langchain-core",
    "langchain-openai",
    "llama-index-core",
    "llama-index-llms-openai-like",
    "httpx",
    "httptools",
)
_MODELS = ("ChatGraySwan", "ChatOpenAI", "GraySwan", "OpenAILike")
_PROBED = {
    COLD_START: ("burst-1", _MODELS),
    IDLE_STREAM: ("idle-1", ("bare httpx", "the core alone", *_MODELS)),
}


def main() -> None:
    """Measure, and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--short", action="store_true", help="two rounds each: does it run?")
    parser.add_argument("--only", default="", help="cases whose name has this text in it")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    results = {
        "machine": _machine(),
        "cases": {
            case.name: _measured(case, short=options.short)
            for case in CASES
            if options.only in case.name
        },
        "imports_ms": _imports(1 if options.short else 3),
        "probes": _probes(1 if options.short else 3),
    }
    (options.out / "results.json").write_text(json.dumps(results, indent=1))
    write_table(results, options.out / "results.md")
    draw(results, options.out)
    print((options.out / "results.md").read_text())


def _machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "versions": {name: _version(name) for name in _PACKAGES},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # run from a clone that is not installed
        return "not installed"


def _measured(case: Case, *, short: bool) -> dict[str, Any]:
    _say(case.name)
    with running_server(tls=case.tls) as server, ExitStack() as stack:
        work = case.contenders(server, stack)
        rounds = min(2, case.rounds) if short else case.rounds
        samples = in_turns(work, rounds=rounds, warm_up=case.warm_up)
    contenders = {name: each.summary() for name, each in samples.items()}
    return {"unit": case.unit, "contenders": contenders, "ratios": ratios(contenders)}


def _imports(rounds: int) -> dict[str, float]:
    """Median milliseconds of CPU of each import, each in a fresh interpreter."""
    _say("imports")
    for there, code in IMPORTS.values():  # so that all byte code is written
        _import_cpu(there, code)
    samples: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for _ in range(rounds):
        for name, times in samples.items():
            times.append(_import_cpu(*IMPORTS[name]))
    return {name: statistics.median(times) * 1e3 for name, times in samples.items()}


def _import_cpu(there: str, code: str) -> float:
    """Seconds of an import, where some has been imported before."""
    lines = [there, "import time", "begun = time.process_time()", code]
    lines.append("print(time.process_time() - begun)")
    # Installed packages come with their byte code; ours, from a clone, must be let write it.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(  # noqa: S603 - ours
        command, check=True, env=environment, capture_output=True, text=True
    )
    return float(done.stdout)


def _probes(rounds: int) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for probe, (manner, contenders) in _PROBED.items():
        _say(probe)
        samples: dict[str, list[float]] = {name: [] for name in contenders}
        with running_server() as server:
            for _ in range(rounds):
                for name, values in samples.items():
                    values.append(_probe(probe, name, f"{server}/{manner}"))
        found[probe] = {name: statistics.median(values) for name, values in samples.items()}
    return found


def _probe(probe: str, contender: str, url: str) -> float:
    command = [sys.executable, "-m", "benchmarks.performance.probes", probe, contender, url]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return float(done.stdout)


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
