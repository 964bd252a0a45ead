from __future__ import annotations

import json

import pytest

from grayswan_core.later import names_for_later


def test_a_name_comes_from_its_module_when_it_is_asked_for():
    get = names_for_later("json", {"JSONDecoder": "decoder"})
    assert get("JSONDecoder") is json.JSONDecoder


def test_another_name_is_an_attribute_error_that_says_whose():
    with pytest.raises(AttributeError, match=r"'json' has no attribute 'nonsense'"):
        names_for_later("json", {})("nonsense")
