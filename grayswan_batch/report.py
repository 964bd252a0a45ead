"""What became of a run."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Report"]


@dataclass
class Report:
    """Counts of one run.

    Attributes:
        rows: Rows that were read.
        answered: Rows that were answered in this run.
        skipped: Rows that had their answer from an earlier run.
        failures: Rows that failed, by the type of their error.
        requests: Requests that were sent, retries included.
        rate_limited: Requests that were refused with 429.
        input_tokens: Tokens of the prompts, as the API counted them.
        output_tokens: Tokens of the answers.
        seconds: How long the run took.
    """

    rows: int = 0
    answered: int = 0
    skipped: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    rate_limited: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0

    @property
    def failed(self) -> int:
        """Rows that failed."""
        return sum(self.failures.values())

    @property
    def total_tokens(self) -> int:
        """Tokens of prompts and answers."""
        return self.input_tokens + self.output_tokens

    def to_dict(self) -> dict[str, Any]:
        """The counts as JSON."""
        return {**asdict(self), "failures": dict(self.failures), "failed": self.failed}

    def __str__(self) -> str:
        parts = [f"{self.rows:,} rows: {self.answered:,} answered"]
        if self.skipped:
            parts.append(f"{self.skipped:,} answered before")
        if self.failed:
            kinds = ", ".join(f"{kind} {count:,}" for kind, count in self.failures.most_common())
            parts.append(f"{self.failed:,} failed ({kinds})")
        parts.append(f"{self.requests:,} requests")
        if self.rate_limited:
            parts.append(f"{self.rate_limited:,} refused with 429")
        if self.total_tokens:
            parts.append(f"{self.total_tokens:,} tokens")
        return f"{', '.join(parts)}; {self.seconds:,.1f} s"
