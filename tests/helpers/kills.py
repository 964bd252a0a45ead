"""Kills a run at random moments, resumes it, and counts.

    python tests/helpers/kills.py --kills 200 --seed 1

What has to hold at the end: every id has exactly one answer, and the API was asked no more often
than there are rows, plus what was under way at each kill.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from grayswan_devserver import DevServer, Load

IN_FLIGHT = 8
MODEL = "from langchain_grayswan import ChatGraySwan\nmodel = ChatGraySwan(temperature=0)\n"


def kill_and_resume(folder: Path, *, rows: int, kills: int, seed: int) -> dict[str, int]:
    """Run it to its end, in spite of the kills; the counts."""
    chance = random.Random(seed)  # noqa: S311 - a test's
    source, output = folder / "rows.jsonl", folder / "answers.jsonl"
    (folder / "killed_model.py").write_text(MODEL)
    with source.open("w") as file:
        for number in range(rows):
            print(json.dumps({"id": number, "prompt": f"What is {number} + 1?"}), file=file)
    with DevServer(load=Load(latency=0.05), keep_requests=0) as server:
        killed = 0
        while killed < kills:
            process = start(folder, source, output, server.url)
            enough = len(lines(output)) + chance.randrange(1, 40)
            while process.poll() is None and len(lines(output)) < enough:
                if wait(process, chance.random() * 0.05):
                    break
            if process.poll() is None:
                process.kill()
                killed += 1
            elif process.returncode == 0:
                break
            process.wait()
        process = start(folder, source, output, server.url)
        process.wait()
        ids = Counter(json.loads(line)["id"] for line in lines(output))
        return {
            "rows": rows,
            "kills": killed,
            "status": process.returncode,
            "answered": len(ids),
            "twice": sum(count > 1 for count in ids.values()),
            "requests": sum(server.statuses.values()),
            "most_requests": rows + (killed + 1) * IN_FLIGHT,
        }


def start(folder: Path, source: Path, output: Path, url: str) -> subprocess.Popen[bytes]:
    """One run, or the rest of it."""
    options = ["--model", "killed_model:model", "--id", "id", "--max-in-flight", str(IN_FLIGHT)]
    command = [sys.executable, "-m", "grayswan_batch", str(source), str(output), *options]
    path = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    environment = {"GRAYSWAN_API_KEY": "test-key", "GRAY_SWAN_BASE_URL": url, "PYTHONPATH": path}
    return subprocess.Popen(  # noqa: S603 - our own code
        [*command, "--resume", "--no-progress"],
        cwd=folder,
        env={**os.environ, **environment},
        stderr=subprocess.DEVNULL,
    )


def lines(path: Path) -> list[bytes]:
    """The whole lines of a file."""
    if not path.exists():
        return []
    return [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


def wait(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait for a process to end; whether it has."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--rows", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder:
        counts = kill_and_resume(Path(folder), rows=given.rows, kills=given.kills, seed=given.seed)
    print(json.dumps(counts))  # noqa: T201 - a command


if __name__ == "__main__":
    main()
