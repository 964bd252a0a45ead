import pytest

from grayswan_core import ConfigurationError
from grayswan_core.cygnal.rules import checked_rules


@pytest.mark.parametrize("rules", [{"a": "no x"}, ["no x", "no y"], [{"name": "a", "rule": "b"}]])
def test_three_shapes(rules):
    assert rules == checked_rules(rules)


def test_none_and_tuples():
    assert None is checked_rules(None)
    assert ["no x"] == checked_rules(("no x",))


@pytest.mark.parametrize("rules", ["no x", [], {}, [""], {"a": " "}, [1], {"a": 1}, [None], [{}]])
def test_other_shapes_are_refused(rules):
    with pytest.raises(ConfigurationError, match="rules"):
        checked_rules(rules)
