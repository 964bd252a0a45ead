from __future__ import annotations

import dataclasses
import pickle

import httpx
import pytest

from grayswan_core.errors import ConfigurationError
from grayswan_core.limits import Limits, Timeout


@pytest.mark.parametrize("kind", [Timeout, Limits])
def test_every_default_is_finite(kind):
    assert all(0 < value < 1e9 for value in dataclasses.astuple(kind()))


@pytest.mark.parametrize("name", [each.name for each in dataclasses.fields(Timeout)])
@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1e10])
def test_a_wait_that_cannot_be_kept_is_refused_by_name(name, seconds):
    with pytest.raises(ConfigurationError, match=f"`{name}`"):
        Timeout(**{name: seconds})


@pytest.mark.parametrize("name", [each.name for each in dataclasses.fields(Limits)])
@pytest.mark.parametrize("number", [0, -1, float("nan")])
def test_a_limit_that_cannot_be_kept_is_refused_by_name(name, number):
    with pytest.raises(ConfigurationError, match=f"`{name}`"):
        Limits(**{name: number})


def test_one_wait_that_is_longer_than_the_whole_call_lengthens_the_call():
    assert (600.0, 900.0) == (Timeout.of(30.0).total, Timeout.of(900.0).total)


def test_they_are_values():
    assert Limits(max_event_size=5) == pickle.loads(pickle.dumps(Limits(max_event_size=5)))
    assert Timeout(total=5) == pickle.loads(pickle.dumps(Timeout(total=5)))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((1, 7), Timeout(1, 7, 7, 7, 7, 600)),
        ((1, 700), Timeout(1, 700, 700, 700, 700, 700)),
        ((1, 2, 3, 4), Timeout(1, 2, 3, 4, 2, 600)),
        (httpx.Timeout(7), Timeout(7, 7, 7, 7, 7, 600)),
        (httpx.Timeout(None, connect=3), Timeout(3, None, None, None, None, None)),
        (httpx.Timeout(1, read=2, write=3, pool=4), Timeout(1, 2, 3, 4, 2, 600)),
    ],
    ids=repr,
)
def test_the_forms_of_http_libraries_are_taken(given, expected):
    assert expected == Timeout.of(given)


@pytest.mark.parametrize("given", [(1,), (1, 2, 3), "soon", object(), {"read": 1}])
def test_any_other_form_is_refused(given):
    with pytest.raises(ConfigurationError, match="timeout is a number of seconds"):
        Timeout.of(given)
