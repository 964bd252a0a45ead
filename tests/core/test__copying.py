from __future__ import annotations

import threading

from grayswan_core._copying import objects_in, unpicklable


def test_what_is_no_plain_data_is_found_however_deep():
    lock, other = threading.Lock(), object()
    nested = {"a": [1, "x", (lock, {"b": None})], other: b"x"}
    nested["itself"] = nested
    assert {lock, other} == set(objects_in([nested, 1.5, {2}, lock]))
    assert [] == list(objects_in([{"a": [1, (2, {"b": {3}})]}]))


def test_the_first_value_that_cannot_be_pickled_is_named():
    name, reason = unpicklable({"a": 1, "b": threading.Lock(), "c": lambda: None})
    assert "b" == name
    assert "lock" in str(reason)
    assert unpicklable({"a": 1, "b": [None]}) is None
