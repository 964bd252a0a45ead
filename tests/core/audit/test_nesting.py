from __future__ import annotations

from grayswan_core.audit import nesting
from grayswan_core.audit.nesting import Nested, Nesting


def nested(*calls):
    made = Nesting()
    for key, call in calls:
        made.begin(key, call)
    return made


def test_names_are_told_from_the_outermost_inwards():
    calls = nested((1, Nested("Chain", None)), (2, Nested("Step", 1)), (3, Nested("Model", 2)))
    assert ("Chain", "Step", "Model") == calls.through(3)
    assert ("Chain",) == calls.through(1)


def test_a_name_stands_once_in_a_row_and_an_empty_one_not_at_all():
    calls = nested(
        (1, Nested("Chain", None)), (2, Nested("Chain", 1)), (3, Nested("", 2)), (4, Nested("A", 3))
    )
    assert ("Chain", "A") == calls.through(4)


def test_what_is_not_known_has_no_names():
    calls = nested((1, Nested("Chain", 0)))
    assert ((), (), ("Chain",)) == (calls.through(None), calls.through(7), calls.through(1))
    assert (None, None) == (calls.get(None), calls.end(7))


def test_the_outermost_names_are_told():
    calls = nested(*((n, Nested(f"Chain {n}", n - 1)) for n in range(20)))
    assert tuple(f"Chain {n}" for n in range(6)) == calls.through(19)


def test_a_circle_has_an_end(monkeypatch):
    monkeypatch.setattr(nesting, "_MOST_CALLS", 100)
    calls = nested((1, Nested("A", 2)), (2, Nested("B", 1)))
    assert {"A", "B"} == set(calls.through(1))


def test_a_call_that_ended_is_forgotten():
    call = Nested("Chain", None, called="model")
    calls = nested((1, call))
    assert (call, call, None, 0) == (calls.get(1), calls.end(1), calls.end(1), len(calls))


def test_of_calls_that_never_end_the_latest_are_kept(monkeypatch):
    monkeypatch.setattr(nesting, "_MOST_CALLS", 3)
    calls = nested(*((n, Nested(str(n), None)) for n in range(5)))
    assert [False, False, True, True, True] == [calls.get(n) is not None for n in range(5)]
