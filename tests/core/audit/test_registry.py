from __future__ import annotations

from contextlib import contextmanager

import pytest

from grayswan_core.audit import Audit
from grayswan_core.audit.registry import Registry


@pytest.fixture
def hooks():
    """How often the hooks were put there, and whether they are."""
    return []


@pytest.fixture
def registry(hooks):
    @contextmanager
    def there():
        hooks.append(True)
        yield
        hooks.append(False)

    return Registry(there)


def test_the_hooks_are_there_while_an_audit_is_open(registry, hooks):
    first, second = Audit([registry.attached]), Audit([registry.attached])
    with first:
        with second:
            assert ((first, second), [True]) == (registry.audits, hooks)
        assert ((first,), [True]) == (registry.audits, hooks)
    assert ((), [True, False]) == (registry.audits, hooks)
    with first:
        assert [True, False, True] == hooks


def test_each_open_audit_is_told(registry):
    told = []
    registry.tell("nothing", told.append)
    with Audit([registry.attached]) as first, Audit([registry.attached]) as second:
        registry.tell("something", told.append)
    assert [first, second] == told


def test_an_error_is_kept_from_the_program_and_told_in_the_report(registry):
    def fail(audit):
        raise ValueError("no text")

    with Audit([registry.attached]) as audit:
        registry.tell("the result of search", fail)
    assert ["the result of search: ValueError: no text"] == audit.report().failures
