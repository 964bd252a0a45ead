"""When a run stops early: a wrong key, too many failures, too many tokens. Sans-I/O."""

from __future__ import annotations

from dataclasses import dataclass

from grayswan_batch.asking import Outcome
from grayswan_batch.errors import InputError
from grayswan_batch.failures import is_refused_key, status_of, text_of
from grayswan_batch.report import Report

__all__ = ["StopRules"]

_ALL_ALIKE = 100  # failures without an answer: it is not the rows
_SHARE_FROM = 100  # rows from which on a share means something
_HOPELESS = (403, 404)


@dataclass(frozen=True)
class StopRules:
    """What a run may cost.

    Attributes:
        max_failures: Failures beyond which the run stops: a count, or a share below 1.
        max_tokens_total: Tokens beyond which no row is begun.
        max_wait: Seconds for which the API may refuse everything; None is for ever.

    Raises:
        InputError: a figure cannot be one.
    """

    max_failures: int | float | None = None
    max_tokens_total: int | None = None
    max_wait: float | None = 900.0

    def __post_init__(self) -> None:
        for name in ("max_failures", "max_tokens_total", "max_wait"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise InputError(f"{name} is 0 or more, not {value!r}.")

    def before_row(self, report: Report, under_way: float) -> str | None:
        """Why no further row is begun.

        Args:
            report: What was done.
            under_way: Tokens that the rows under way, and this one, are expected to cost.
        """
        limit = self.max_tokens_total
        if limit is None or report.total_tokens + under_way <= limit:
            return None
        return (
            f"The next rows would cost more than max_tokens_total={limit:,}:"
            f" {report.total_tokens:,} tokens are used."
        )

    def after(self, outcome: Outcome, report: Report) -> str | None:
        """Why the run stops after a row."""
        if outcome.error is not None:
            return self._after_failure(outcome.error, report)
        known = outcome.answer is None or outcome.answer.usage.total is not None
        if self.max_tokens_total is not None and not known:
            return "The model does not say what an answer cost, so max_tokens_total cannot be kept."
        return None

    def _after_failure(self, error: BaseException, report: Report) -> str | None:
        reason = f"{type(error).__name__}: {text_of(error)}"
        if is_refused_key(error):
            return f"No request can succeed: {reason}"
        if not report.answered and status_of(error) in _HOPELESS:
            return f"The first request was refused, and the others would be: {reason}"
        if not report.answered and not report.skipped and report.failed >= _ALL_ALIKE:
            return f"The first {report.failed} rows all failed, the last of them with {reason}"
        return self._too_many(report)

    def _too_many(self, report: Report) -> str | None:
        limit = self.max_failures
        if limit is None:
            return None
        done = report.answered + report.failed
        is_share = isinstance(limit, float) and limit < 1
        if is_share and (done < _SHARE_FROM or report.failed <= limit * done):
            return None
        if not is_share and report.failed <= limit:
            return None
        return f"{report.failed:,} of {done:,} rows failed (max_failures={limit:g})."

    def stalled(self, seconds: float) -> str | None:
        """Why the run stops when the API has let nothing pass for so long."""
        if self.max_wait is None or seconds <= self.max_wait:
            return None
        return (
            f"The API refuses everything (429), or asks to wait {seconds:,.0f} s; max_wait is"
            f" {self.max_wait:,.0f} s."
        )
