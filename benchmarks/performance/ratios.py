"""How ours stand to the peers and to the floors, round by round. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["ratios"]

_PEERS = (
    ("ChatOpenAI", "ChatGraySwan"),
    ("OpenAILike", "GraySwan"),
)
_FLOORS = (
    ("ChatGraySwan", ("LangChain floor", "bare httpx")),
    ("GraySwan", ("LlamaIndex floor", "bare httpx")),
    ("ChatGraySwan", ("simplest LangChain model",)),
    ("GraySwan", ("simplest LlamaIndex model",)),
)


def ratios(contenders: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Medians of the rounds' ratios of CPU time, with their smallest and largest.

    `peer / ours` above 1: ours cost less. `ours / (floor + bare httpx)` nearer to 1: less is
    left that could be saved.
    """
    rounds = {name: each["cpu_rounds_us"] for name, each in contenders.items() if "cpu_us" in each}
    found = {}
    for over, under in _pairs():
        if {over, *under} <= set(rounds):
            below = [sum(parts) for parts in zip(*(rounds[name] for name in under), strict=False)]
            found[_named(over, under)] = _spread(rounds[over], below)
    return found


def _pairs() -> Iterator[tuple[str, tuple[str, ...]]]:
    yield from ((peer, (ours,)) for peer, ours in _PEERS)
    yield from _FLOORS


def _named(over: str, under: tuple[str, ...]) -> str:
    return f"{over} ÷ {under[0] if len(under) == 1 else '(' + ' + '.join(under) + ')'}"


def _spread(over: Sequence[float], under: Sequence[float]) -> dict[str, float]:
    found = [a / b for a, b in zip(over, under, strict=False)]
    return {"median": statistics.median(found), "min": min(found), "max": max(found)}
