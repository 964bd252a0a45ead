"""Measuring in turns: A B C A B C ..., so that what else the machine does hits all alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

__all__ = ["Samples", "in_turns"]


@dataclass
class Samples:
    """What was measured of one contender; microseconds for one unit of the work."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    failure: str | None = None

    def summary(self) -> dict[str, float | str]:
        """Medians, and how far the CPU samples spread; or why there are none."""
        if self.failure is not None:
            return {"failure": self.failure}
        return {
            "cpu_us": statistics.median(self.cpu),
            "cpu_min_us": min(self.cpu),
            "cpu_max_us": max(self.cpu),
            "wall_us": statistics.median(self.wall),
        }


def in_turns(
    work: Mapping[str, Callable[[], int]], *, rounds: int, warm_up: int = 1
) -> dict[str, Samples]:
    """Do each contender's work once a round, and measure it.

    Args:
        work: For each contender a function that does the work and gives how many units of it
            (chunks, calls) were done.
        rounds: How many rounds count.
        warm_up: How many rounds before that do not.
    """
    samples = {name: Samples() for name in work}
    for turn in range(warm_up + rounds):
        for name, do in work.items():
            if samples[name].failure is not None:
                continue
            gc.collect()
            cpu, wall = time.process_time(), time.perf_counter()
            try:
                units = do()
            except Exception as error:  # noqa: BLE001 - a contender that fails is a finding
                samples[name].failure = f"{type(error).__name__}: {error}"[:200]
                continue
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            if turn >= warm_up:
                samples[name].cpu.append(cpu / units * 1e6)
                samples[name].wall.append(wall / units * 1e6)
    return samples
