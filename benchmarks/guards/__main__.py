"""Runs every leak on every surface and writes a table, the figures as JSON, and a picture.

    python -m benchmarks.guards --out somewhere/

`langchain-openai` is compared where it is installed.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path

from benchmarks.guards.contenders import contenders
from benchmarks.guards.leaks import LEAKS, run_leak
from benchmarks.guards.report import picture, table
from benchmarks.guards.surfaces import SURFACES
from grayswan_devserver import DevServer

_RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guards", description=__doc__)
    parser.add_argument("--out", type=Path, default=_RESULTS)
    out = parser.parse_args().out
    warnings.simplefilter("ignore")
    out.mkdir(parents=True, exist_ok=True)
    under_test = contenders()
    results: dict[str, dict[str, dict[str, bool]]] = {}
    with DevServer() as server:
        for leak in LEAKS:
            results[leak.name] = {
                contender.name: {
                    name: run_leak(leak, contender, surface, server)
                    for name, surface in SURFACES.items()
                }
                for contender in under_test
            }
            print(leak.name)  # noqa: T201 - it is a command
    shown = table(results)
    (out / "guards.md").write_text(shown, encoding="utf-8")
    (out / "guards.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    picture(results, out / "guards.svg")
    print(f"\n{shown}")  # noqa: T201


if __name__ == "__main__":
    main()
