"""The counts as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["table"]


def table(found: Sequence[dict[str, Any]]) -> str:
    """One line for each contender."""
    lines = [
        "| how | rows | answered | lost | requests | of them 429 | requests ÷ rows | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in found:
        failed = not each["answered"]
        answered = "none: the job failed" if failed else f"{each['answered']:,}"
        lost = each["rows"] - each["answered"]
        share = each["requests"] / each["rows"]
        lines.append(
            f"| {each['name']} | {each['rows']:,} | {answered} | {lost:,} | {each['requests']:,} |"
            f" {each['refused']:,} | {share:.2f} | {each['seconds']:.0f} |"
        )
    return "\n".join(lines) + "\n"
