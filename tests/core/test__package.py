from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version

import pytest

from grayswan_core import _package
from grayswan_core._package import installed_version, lazy_attributes


@pytest.fixture(autouse=True)
def _fresh():
    installed_version.cache_clear()
    yield
    installed_version.cache_clear()


def test_the_version_is_that_of_what_is_installed():
    assert version("grayswan-integrations") == installed_version()


def test_a_checkout_that_is_not_installed_has_none(monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(_package, "version", missing)
    assert installed_version() is None


def test_a_lazy_attribute_comes_from_its_module():
    get = lazy_attributes("json", {"JSONDecoder": "decoder"})
    assert get("JSONDecoder") is json.JSONDecoder


def test_another_name_is_an_attribute_error_that_names_the_package():
    with pytest.raises(AttributeError, match=r"'json' has no attribute 'nonsense'"):
        lazy_attributes("json", {})("nonsense")
