import pytest

from grayswan_devserver.rules.arrays import clauses, find_strings, pad, variants
from grayswan_devserver.rules.evidence import Evidence


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("tags: a, b and c.", ["a", "b", "c"]),
        ("tags = ['x', \"y\"]", ["x", "y"]),
        ("Use 'one' and 'two'", ["one", "two"]),
        ("Invite Ann and Bob", ["Ann", "Bob"]),
        ("nothing", []),
    ],
)
def test_strings(text, found):
    assert find_strings("tags", Evidence(text), must=True) == found


def test_clauses():
    assert clauses("Ann is 3, and Bob is 4. Then; more") == [
        "Ann is 3",
        "Bob is 4.",
        "Then",
        " more",
    ]


@pytest.mark.parametrize("value", ["a", "", 1, [1], {"a": "b"}])
def test_variants_differ(value):
    values = variants(value)
    assert len({repr(next(values)) for _ in range(8)}) == 8


def test_padded_and_cut():
    def anything(_):
        return True

    assert pad([1], {"minItems": 3}, iter([0, 0, 0]), anything) == [1, 0, 0]
    assert pad([1, 1, 2, 3], {"uniqueItems": True, "maxItems": 2}, iter([]), anything) == [1, 2]
    assert pad([], {"minItems": 2, "uniqueItems": True}, variants(True), anything) == [True, False]
