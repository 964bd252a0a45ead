from __future__ import annotations

import io

import pytest

from grayswan_batch import Report
from grayswan_batch.progress import new_progress, summary

REPORT = Report(rows=40, answered=20, skipped=5, rate_limited=2, input_tokens=900, seconds=10.0)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_report_in_a_line():
    REPORT.failures["ValueError"] = 5

    assert summary(REPORT, 0.25) == (
        "30 rows (25.0%), 2.5/s, 900 tokens, 5 failed, 2 refused with 429, 0:36 left"
    )
    assert summary(REPORT, None).startswith("30 rows, 2.5/s")
    assert "left" not in summary(Report(), 0.0)


def test_the_time_left_goes_by_the_rows_that_were_not_answered_before():
    report = Report(rows=950, answered=50, skipped=900, seconds=10.0)
    assert summary(report, 0.95).endswith("0:10 left")
    report = Report(rows=900, skipped=900, seconds=10.0)
    assert "left" not in summary(report, 0.9)


def test_elsewhere_than_in_a_terminal_there_is_a_line_a_minute(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("grayswan_batch.progress.time.monotonic", lambda: now[0])
    stream = io.StringIO()
    progress = new_progress(None, lambda report: None, stream)
    for _ in range(181):
        now[0] += 1
        progress.show(REPORT)
    progress.close()

    assert len(stream.getvalue().splitlines()) == 3


def test_a_terminal_has_a_bar():
    stream = Terminal()
    progress = new_progress(None, lambda report: 0.5, stream)
    progress.show(REPORT)
    progress.close()

    assert "50.0%" in stream.getvalue()


def test_a_terminal_without_rich_has_lines(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "rich.console", None)
    stream = Terminal()
    progress = new_progress(None, lambda report: 0.5, stream)
    progress.show(REPORT)
    progress.close()

    assert stream.getvalue() == ""


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_nothing_is_shown_where_nothing_is_wanted(stream):
    progress = new_progress(False, lambda report: 0.5, stream)
    progress.show(REPORT)
    progress.close()

    assert stream.getvalue() == ""
