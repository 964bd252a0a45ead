"""The most memory that a run takes, by its number of rows: `python -m benchmarks.batch.memory`.

The model is a function in the process, so that a million rows take minutes and not hours. Each
size is run in a process of its own, and again with `resume=True`, which reads what is there.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["run_rows"]


def run_rows(rows: int, to: Path, *, resume: bool) -> dict[str, float]:
    """Answer so many rows, and say what it took."""
    from langchain_core.runnables import RunnableLambda

    import grayswan_batch

    async def answer(row: dict[str, str]) -> str:
        return row["prompt"][::-1]

    limiter = grayswan_batch.Limiter(requests_per_second=1e6)
    report = grayswan_batch.run(
        ({"prompt": f"A prompt of some length, as they are, number {n}"} for n in range(rows)),
        RunnableLambda(answer),
        to=to,
        limiter=limiter,
        resume=resume,
        progress=False,
    )
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "rows": rows,
        "answered": report.answered,
        "skipped": report.skipped,
        "MiB": round(most, 1),
        "seconds": round(report.seconds, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, action="append")
    parser.add_argument("--one", nargs=2, metavar=("ROWS", "PATH"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        rows, path = given.one
        to = Path(path)
        print(json.dumps(run_rows(int(rows), to, resume=to.exists())))
        return
    for rows in given.rows or (10_000, 100_000, 1_000_000):
        with tempfile.TemporaryDirectory() as folder:
            to = str(Path(folder) / "answers.jsonl")
            command = [sys.executable, "-m", "benchmarks.batch.memory", "--one", str(rows), to]
            for _ in ("first", "resumed"):
                print(subprocess.check_output(command, text=True).strip(), flush=True)  # noqa: S603 - our own code


if __name__ == "__main__":
    main()
