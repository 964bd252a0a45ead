"""Measuring in turns: A B C A B C ..., so that what else the machine does hits all alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Samples", "in_turns"]

# Seconds. Who needs longer for one round is measured once, or a run would take hours.
_LONG = 15.0


@dataclass
class Samples:
    """What was measured of one contender, round by round.

    Microseconds of CPU and of the clock for one unit of work, and how late 99 of 100 units were at
    most, in milliseconds, where the work tells.
    """

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    failure: str | None = None
    over: bool = False

    def summary(self) -> dict[str, Any]:
        """Medians, how far the samples spread, and the samples; or why there are none."""
        if not self.cpu:
            return {"failure": self.failure or "not measured"}
        late = {"late_ms": statistics.median(self.late)} if self.late else {}
        return {
            **late,
            "cpu_us": statistics.median(self.cpu),
            "cpu_min_us": min(self.cpu),
            "cpu_max_us": max(self.cpu),
            "wall_us": statistics.median(self.wall),
            "cpu_rounds_us": self.cpu,
        }


def in_turns(
    work: Mapping[str, Callable[[], int | tuple[int, list[float]]]],
    *,
    rounds: int,
    warm_up: int = 1,
) -> dict[str, Samples]:
    """Do each contender's work once a round, and measure it.

    Args:
        work: For each contender a function that does the work and gives how many units of it
            (chunks, calls) were done; and, where it is known, how many seconds late each was.
        rounds: How many rounds count.
        warm_up: How many rounds before that do not.
    """
    samples = {name: Samples() for name in work}
    for turn in range(warm_up + rounds):
        for name, do in work.items():
            if not samples[name].over:
                _measure(do, samples[name], counts=turn >= warm_up)
    return samples


def _measure(
    do: Callable[[], int | tuple[int, list[float]]], samples: Samples, *, counts: bool
) -> None:
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    try:
        done = do()
    except Exception as error:  # noqa: BLE001 - a contender that fails is a finding
        samples.failure = f"{type(error).__name__}: {error}"[:200]
        samples.over = True
        return
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    units, late = done if isinstance(done, tuple) else (done, [])
    samples.over = wall > _LONG
    if counts or samples.over:
        samples.cpu.append(cpu / units * 1e6)
        samples.wall.append(wall / units * 1e6)
        if late:
            samples.late.append(sorted(late)[int(len(late) * 0.99)] * 1e3)
