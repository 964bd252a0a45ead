import pytest
from hypothesis import given
from hypothesis import strategies as st

from grayswan_devserver.rules.numbers import fit_number
from grayswan_devserver.rules.schemas import Schemas


@pytest.mark.parametrize(
    ("number", "schema", "whole", "fitted"),
    [
        (3, {}, True, 3),
        (3, {"minimum": 5}, True, 5),
        (3, {"exclusiveMaximum": 3}, True, 2),
        (0, {"exclusiveMinimum": 0}, False, 1),
        (0, {"exclusiveMinimum": 0, "exclusiveMaximum": 1}, False, 0.5),
        (7, {"multipleOf": 5}, True, 10),
        (7, {"multipleOf": 5, "maximum": 9}, True, 5),
    ],
)
def test_nearest(number, schema, whole, fitted):
    assert fit_number(number, schema, whole=whole) == fitted


@given(
    st.floats(-1e6, 1e6),
    st.integers(-1000, 1000),
    st.integers(2, 1000),
    st.sampled_from(["minimum", "exclusiveMinimum"]),
    st.sampled_from(["maximum", "exclusiveMaximum"]),
    st.booleans(),
)
def test_always_within_the_bounds(number, low, width, lower, upper, whole):
    schema = {lower: low, upper: low + width, "type": "integer" if whole else "number"}
    assert Schemas({}).conforms(fit_number(number, schema, whole=whole), schema)
