"""Pictures of the figures that the benchmarks have left."""

from __future__ import annotations

import json
from typing import Any

from notebooks.pictures import Picture, squares
from notebooks.running import ROOT

__all__ = ["leakage"]


def leakage() -> Picture:
    """Each contender's flows, by the worst of their modes."""
    flows: dict[str, dict[tuple[str, str], float]] = {}
    for each in _results("leakage/results/results.json")["results"]:
        shares = flows.setdefault(each["contender"], {})
        flow = (each["framework"], each["flow"])
        shares[flow] = max(shares.get(flow, 0), each["leakage"])
    return squares([(name, list(shares.values())) for name, shares in flows.items()])


def _results(path: str) -> Any:
    return json.loads((ROOT / "benchmarks" / path).read_text(encoding="utf-8"))
