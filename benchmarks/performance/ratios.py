"""How ours stand to the peers, round by round."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

__all__ = ["PAIRS", "ratios"]

PAIRS = {
    "ChatOpenAI ÷ ChatGraySwan": ("ChatOpenAI", "ChatGraySwan"),
    "OpenAILike ÷ GraySwan": ("OpenAILike", "GraySwan"),
}
"""The peer and ours, by the name of their ratio."""


def ratios(contenders: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Medians of the rounds' ratios of CPU time, with their smallest and largest.

    Above 1: ours cost less.
    """
    rounds = {name: each["cpu_rounds_us"] for name, each in contenders.items() if "cpu_us" in each}
    found = {}
    for pair, (peer, ours) in PAIRS.items():
        if {peer, ours} <= set(rounds):
            each = [a / b for a, b in zip(rounds[peer], rounds[ours], strict=False)]
            found[pair] = {"median": statistics.median(each), "min": min(each), "max": max(each)}
    return found
