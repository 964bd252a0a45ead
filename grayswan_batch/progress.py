"""How far a run is: a bar in a terminal (where rich is installed), else a line a minute."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TextIO

from grayswan_batch.report import Report

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

__all__ = ["Progress", "new_progress"]

_MINUTE = 60.0


class Progress(Protocol):
    """Shows a report as it grows."""

    def show(self, report: Report) -> None:
        """Show it; called about once a second, and at the end."""

    def close(self) -> None:
        """Show it for the last time."""


def new_progress(
    wanted: bool | None, share: Callable[[Report], float | None], stream: TextIO | None = None
) -> Progress:
    """What shows a run.

    Args:
        wanted: Whether to show anything; None is yes.
        share: The share of the rows that is done, from 0 to 1, where it is known.
        stream: Where to; `sys.stderr` unless given.
    """
    stream = sys.stderr if stream is None else stream
    if wanted is False:
        return _Silent()
    if stream.isatty():
        try:
            return _Bar(share, stream)
        except ImportError:  # rich is not installed
            pass
    return _Lines(share, stream)


def summary(report: Report, share: float | None) -> str:
    """A report in one line."""
    seconds = max(report.seconds, 1e-9)
    done = report.answered + report.failed
    parts = [
        f"{done + report.skipped:,} rows" + ("" if share is None else f" ({share:.1%})"),
        f"{done / seconds:,.1f}/s",
        f"{report.total_tokens:,} tokens",
        f"{report.failed:,} failed",
        f"{report.rate_limited:,} refused with 429",
    ]
    if share is not None and 0 < share < 1 and done:
        # Rows that had their answer from before took no time.
        rows = (done + report.skipped) * (1 - share) / share
        parts.append(f"{_duration(rows * seconds / done)} left")
    return ", ".join(parts)


class _Silent:
    def show(self, report: Report) -> None:
        pass

    def close(self) -> None:
        pass


class _Lines:
    def __init__(self, share: Callable[[Report], float | None], stream: TextIO) -> None:
        self._share = share
        self._stream = stream
        self._next = time.monotonic() + _MINUTE

    def show(self, report: Report) -> None:
        if time.monotonic() >= self._next:
            self._next += _MINUTE
            print(summary(report, self._share(report)), file=self._stream, flush=True)

    def close(self) -> None:
        pass


class _Bar:
    """A bar; it needs rich."""

    def __init__(self, share: Callable[[Report], float | None], stream: TextIO) -> None:
        from rich.console import Console  # noqa: PLC0415 - only for a terminal
        from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415

        self._share = share
        self._bar: RichProgress = Progress(
            BarColumn(bar_width=24),
            TextColumn("{task.description}"),
            console=Console(file=stream),
            transient=True,
        )
        self._task = self._bar.add_task("", total=None)
        self._bar.start()

    def show(self, report: Report) -> None:
        share = self._share(report)
        total = None if share is None else 1.0
        self._bar.update(
            self._task, total=total, completed=share or 0, description=summary(report, share)
        )

    def close(self) -> None:
        self._bar.stop()


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
