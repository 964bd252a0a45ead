from __future__ import annotations

import pytest

from grayswan_batch import InputError, Report
from grayswan_batch.asking import Outcome
from grayswan_batch.calls import RowCall
from grayswan_batch.models import Answer
from grayswan_batch.models.answer import Usage
from grayswan_batch.stopping import StopRules
from grayswan_core import AuthenticationError, NotFoundError


def failed(error):
    return Outcome({}, RowCall(), error=error)


def report(answered=0, failed=0, skipped=0, tokens=0):
    made = Report(answered=answered, skipped=skipped, output_tokens=tokens)
    if failed:
        made.failures["ValueError"] = failed
    return made


ODD = failed(ValueError("odd"))
GONE = failed(NotFoundError("no such model", status_code=404))


@pytest.mark.parametrize(
    ("rules", "outcome", "so_far", "stops"),
    [
        ({}, ODD, report(failed=99), None),
        ({}, ODD, report(failed=100), "all failed"),
        ({}, ODD, report(answered=1, failed=500), None),
        ({}, ODD, report(skipped=1, failed=500), None),
        ({}, failed(AuthenticationError("no", status_code=401)), report(answered=9), "No request"),
        ({}, GONE, report(failed=1), "first request was refused"),
        ({}, GONE, report(answered=1, failed=1), None),
        ({"max_failures": 3}, ODD, report(answered=9, failed=3), None),
        ({"max_failures": 3}, ODD, report(answered=9, failed=4), "max_failures=3"),
        ({"max_failures": 0}, ODD, report(answered=9, failed=1), "max_failures=0"),
        ({"max_failures": 0.1}, ODD, report(answered=50, failed=49), None),
        ({"max_failures": 0.1}, ODD, report(answered=90, failed=10), None),
        ({"max_failures": 0.1}, ODD, report(answered=89, failed=11), "max_failures=0.1"),
        ({"max_tokens_total": 9}, Outcome({}, RowCall(), Answer("x")), report(), "does not say"),
        ({"max_tokens_total": 9}, Outcome({}, RowCall(), Answer("x", Usage(1))), report(), None),
    ],
)
def test_when_a_run_stops(rules, outcome, so_far, stops):
    reason = StopRules(**rules).after(outcome, so_far)

    assert reason is None if stops is None else stops in reason


def test_no_row_is_begun_that_may_cost_too_much():
    rules = StopRules(max_tokens_total=100)

    assert rules.before_row(report(tokens=80), 20) is None
    assert "max_tokens_total=100" in rules.before_row(report(tokens=80), 21)
    assert StopRules().before_row(report(tokens=10**9), 10**9) is None


def test_an_api_that_lets_nothing_pass_is_waited_for_so_long():
    assert StopRules(max_wait=60).stalled(60) is None
    assert "max_wait is 60 s" in StopRules(max_wait=60).stalled(61)
    assert StopRules(max_wait=None).stalled(10**9) is None


@pytest.mark.parametrize("name", ["max_failures", "max_tokens_total", "max_wait"])
@pytest.mark.parametrize("value", [-1, float("nan")])
def test_a_figure_that_cannot_be_is_refused(name, value):
    with pytest.raises(InputError, match=name):
        StopRules(**{name: value})
