"""Prints the matrix of faults as a table, and keeps it with the figures under `results/`.

python -m benchmarks.faults [--soak CALLS]
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.faults.contenders import CONTENDERS, versions
from benchmarks.faults.helpers import ANY_WAY, PLAIN, STREAM, STREAMED, WHOLE, Fault, soak
from benchmarks.faults.picture import picture
from benchmarks.faults.verdicts import (
    RIGHT,
    anothers_answer,
    requests_on_the_wire,
    verdict,
    waits_a_day,
)

RESULTS = Path(__file__).parent / "results"

# Faults at once: most of the time is waiting.
_AT_ONCE = 4

_TITLES = {PLAIN: "Requests for a whole response", STREAM: "Requests for a stream"}

_SOAK = {
    "calls": "calls",
    "whole": "complete responses",
    "told": "errors that hold what had arrived",
    "lost": "truncated without an error",
    "mixed_up": "with text of another response",
    "doubled": "with text twice",
    "untyped": "another library's errors",
    "requests": "requests on the wire, retries included",
    "cut": "responses that the server broke off",
    "seconds": "seconds",
}


def rows() -> list[dict[str, Any]]:
    """Every fault with each contender's verdict, sync and async."""
    cases = [(PLAIN, each) for each in (*ANY_WAY, *WHOLE)]
    cases += [(STREAM, each) for each in (*ANY_WAY, *STREAMED)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(_row, cases))
    for name, judge in (
        ("`max_retries=2` is 3 requests", requests_on_the_wire),
        ("`Retry-After: 86400` is not waited for", waits_a_day),
        ("two responses to one request, then another request", anothers_answer),
    ):
        said = {
            who: [judge(make, is_async=each) for each in (False, True)]
            for who, make in CONTENDERS.items()
        }
        found.append({"how": PLAIN, "fault": name, "verdicts": said})
    return found


def _row(case: tuple[str, Fault]) -> dict[str, Any]:
    how, fault = case
    said = {
        who: [verdict(make, how, fault, is_async=is_async) for is_async in (False, True)]
        for who, make in CONTENDERS.items()
    }
    return {"how": how, "fault": fault.name, "verdicts": said}


def table(found: list[dict[str, Any]]) -> str:
    """The rows as markdown."""
    head = f"| fault | {' | '.join(CONTENDERS)} |\n|---|{'---|' * len(CONTENDERS)}"
    parts = []
    for how, title in _TITLES.items():
        lines = [
            f"| {row['fault']} | {' | '.join(map(_cell, row['verdicts'].values()))} |"
            for row in found
            if row["how"] == how
        ]
        parts.append("\n".join([f"## {title}", "", head, *lines]))
    total = 2 * len(found)
    counts = [
        str(sum(said == RIGHT for row in found for said in row["verdicts"][who]))
        for who in CONTENDERS
    ]
    parts.append(f"Right, of {total}: " + ", ".join(
        f"{who} {count}" for who, count in zip(CONTENDERS, counts, strict=True)))  # fmt: skip
    return "\n\n".join(parts)


def _cell(said: list[str]) -> str:
    sync, asynchronous = said
    return sync if sync == asynchronous else f"{sync}; async: {asynchronous}"


def soak_table(figures: dict[str, Any]) -> str:
    """The soak's figures as markdown."""
    lines = [f"| {words} | {figures[name]} |" for name, words in _SOAK.items()]
    about = (
        "Many calls at once to `grayswan_core`, while a server breaks connections off at random:"
    )
    return "\n".join(["## Soak", "", about, "", "| | number |", "|---|---:|", *lines])


def main() -> None:
    """Run it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--soak", type=int, default=5000, help="calls of the soak")
    calls = parser.parse_args().soak
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    found = rows()
    figures = asdict(soak.run(calls, seed=6))
    text = f"{table(found)}\n\n{soak_table(figures)}\n"
    RESULTS.mkdir(exist_ok=True)
    results = {
        "python": platform.python_version(),
        "versions": versions(),
        "rows": found,
        "soak": figures,
    }
    (RESULTS / "faults.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    (RESULTS / "faults.md").write_text(text)
    (RESULTS / "streams.svg").write_text(picture(found))
    print(text, flush=True)  # noqa: T201 - a command
    os._exit(0)  # threads of those that hang are still there


if __name__ == "__main__":
    main()
