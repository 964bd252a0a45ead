"""What a verdict amounts to, in four kinds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["KINDS", "kind_of", "worst_of_streams"]

KINDS = {
    "good": "right",
    "odd": "another library's exception, or one although nothing was lost",
    "slow": "hangs, or has no size limit",
    "bad": "silently truncated, or wrong",
}
"""Each kind with its words, from the mildest to the worst."""


def kind_of(verdict: str) -> str:
    """The kind of one verdict."""
    if verdict == "✓":
        return "good"
    if verdict.startswith(("silent", "a tool call", "wrong", "gets")):
        return "bad"
    return "slow" if verdict in {"hangs", "no limit"} else "odd"


def worst_of_streams(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[tuple[str, str]]]:
    """For each contender the faults of streams with the worse verdict of sync and async."""
    found: dict[str, list[tuple[str, str]]] = {}
    severity = [*KINDS]
    for row in rows:
        if row["how"] == "stream":
            for contender, verdicts in row["verdicts"].items():
                worst = max(verdicts, key=lambda verdict: severity.index(kind_of(verdict)))
                found.setdefault(contender, []).append((row["fault"], worst))
    return found
