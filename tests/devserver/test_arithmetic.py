import pytest
from hypothesis import given
from hypothesis import strategies as st

from grayswan_devserver.rules.arithmetic import compute


@pytest.mark.parametrize(
    ("text", "sum_and_value"),
    [
        ("What is 2+2?", ("2+2", "4")),
        ("12 * (3 - 1)", ("12 * (3 - 1)", "24")),
        ("7 times 6", ("7 * 6", "42")),
        ("1 divided by 4", ("1 / 4", "0.25")),
        ("0.1 + 0.2", ("0.1 + 0.2", "0.3")),
    ],
)
def test_sums(text, sum_and_value):
    assert compute(text) == sum_and_value


@pytest.mark.parametrize(
    "text", ["Hello", "1", "1/0", "2 ** 99999", "on 2024-05-06", "call 555", "(1+", "9*9*9" * 40]
)
def test_what_is_no_sum(text):
    assert compute(text) is None


@given(st.text("0123456789+-*/(). ", max_size=40))
def test_no_text_breaks_it(text):
    compute(text)
