import pytest
from hypothesis import given
from hypothesis import strategies as st

from grayswan_devserver.rules.least import FORMATS, fitted, numbers, variant
from grayswan_devserver.rules.schemas import Schemas


@pytest.mark.parametrize(
    ("text", "schema", "fits"),
    [
        ("abc", {"maxLength": 2}, "ab"),
        ("a", {"minLength": 3}, "a--"),
        ("no date", {"format": "date"}, "2024-01-01"),
        ("2025-02-03", {"format": "date"}, "2025-02-03"),
        ("anything", {"format": "unheard of"}, "anything"),
    ],
)
def test_fitted(text, schema, fits):
    assert fitted(text, schema) == fits


@pytest.mark.parametrize("name", FORMATS)
def test_an_example_has_its_format(name):
    pattern, example = FORMATS[name]
    assert pattern.fullmatch(example)


@pytest.mark.parametrize(
    ("schema", "least"),
    [
        ({}, 0),
        ({"minimum": 5}, 5),
        ({"exclusiveMaximum": 0}, -1),
        ({"exclusiveMinimum": 0, "exclusiveMaximum": 1, "type": "number"}, 0.5),
        ({"multipleOf": 7, "minimum": 1}, 7),
    ],
)
def test_the_least_number(schema, least):
    found = (each for each in numbers(schema) if Schemas({}).conforms(each, schema))
    assert next(found) == least


@given(
    st.integers(-1000, 1000),
    st.integers(2, 1000),
    st.sampled_from(["minimum", "exclusiveMinimum"]),
    st.sampled_from(["maximum", "exclusiveMaximum"]),
    st.sampled_from(["integer", "number"]),
)
def test_one_is_within_the_bounds(low, width, lower, upper, kind):
    schema = {lower: low, upper: low + width, "type": kind}
    assert any(Schemas({}).conforms(each, schema) for each in numbers(schema))


@pytest.mark.parametrize(("value", "most"), [("a", 8), (1, 8), (True, 2), (None, 1)])
def test_variants_differ(value, most):
    assert len({variant(value, number) for number in range(8)}) == most
