"""Counts what each way of sending many prompts does under a limit of requests a second.

    python -m benchmarks.batch [--rows 2000] [--per-second 150] [--only NAME ...]

It writes `results/batch.json`, a table, and a picture of requests over time. Counts are what to
trust; times depend on the machine. Ray has to be installed for its rows.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.batch.contenders import CONTENDERS
from benchmarks.batch.picture import picture
from benchmarks.batch.table import table
from grayswan_devserver import DevServer, Load

RESULTS = Path(__file__).parent / "results"
_LONGEST = 900.0  # seconds
_SAMPLE = 0.5  # seconds


def measure(name: str, rows: int, per_second: float) -> dict[str, Any]:
    """What one contender did, and what the server saw of it."""
    with DevServer(
        load=Load(latency=0.1, requests_per_second=per_second), keep_requests=0
    ) as server:
        command = [sys.executable, "-m", "benchmarks.batch.contenders", name, str(rows), server.url]
        environment = {**os.environ, "GRAYSWAN_API_KEY": "local-test-key"}
        begun = time.monotonic()
        with subprocess.Popen(  # noqa: S603 - our own code
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as run:
            series: list[tuple[float, int, int]] = []
            while run.poll() is None and time.monotonic() - begun < _LONGEST:
                time.sleep(_SAMPLE)
                seen = server.statuses
                series.append((round(time.monotonic() - begun, 2), seen[200], seen[429]))
            run.kill()
            said, wrong = run.communicate()
        found = _counts(said)
        statuses: Counter[int] = server.statuses
    return {
        "name": name,
        "rows": rows,
        "limit": per_second,
        **found,
        "error": "" if found["answered"] else wrong.strip().splitlines()[-1:],
        "requests": sum(statuses.values()),
        "refused": statuses[429],
        "seconds": _busy_seconds(series),
        "series": series,
    }


def _counts(said: str) -> dict[str, int]:
    """What the contender printed last; nothing answered if it failed."""
    lines = [line for line in said.splitlines() if line.startswith("{")]
    found: dict[str, int] = json.loads(lines[-1]) if lines else {"answered": 0, "twice": 0}
    return {"lost": 0, **found}


def _busy_seconds(series: list[tuple[float, int, int]]) -> float:
    """Seconds from the first request to the last response."""
    if not series:
        return 0.0
    last = series[-1][1:]
    first = next((when for when, good, bad in series if good or bad), 0.0)
    end = next(when for when, good, bad in series if (good, bad) == last)
    return round(end - first + _SAMPLE, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--per-second", type=float, default=150)
    parser.add_argument("--only", action="append", choices=list(CONTENDERS))
    parser.add_argument("--to", type=Path, default=RESULTS / "batch.json")
    given = parser.parse_args()
    found = []
    for name in given.only or CONTENDERS:
        found.append(measure(name, given.rows, given.per_second))
        shown = {key: value for key, value in found[-1].items() if key != "series"}
        print(json.dumps(shown), flush=True)
        given.to.parent.mkdir(exist_ok=True)
        given.to.write_text(json.dumps(found, indent=1) + "\n")
    given.to.with_suffix(".md").write_text(table(found))
    given.to.with_suffix(".svg").write_text(picture(found))


if __name__ == "__main__":
    main()
