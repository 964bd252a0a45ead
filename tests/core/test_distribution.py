from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import pytest

from grayswan_core import distribution


@pytest.fixture(autouse=True)
def _fresh():
    distribution.installed_version.cache_clear()
    yield
    distribution.installed_version.cache_clear()


def test_the_version_is_that_of_what_is_installed():
    assert version("grayswan-integrations") == distribution.installed_version()


def test_a_checkout_that_is_not_installed_has_none(monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(distribution, "version", missing)
    assert distribution.installed_version() is None
