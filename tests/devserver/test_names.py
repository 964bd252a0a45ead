import pytest

from grayswan_devserver.rules.names import proper_names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Tell Ada Lovelace and Bob", ["Ada Lovelace", "Bob"]),
        ("San Francisco, CA is nice", ["San Francisco, CA"]),
        ("Paris, London and Rome", ["Paris", "London", "Rome"]),
        ("Greet 王小明 please", ["王小明"]),
        ("What is this?", []),
        ("Vincent van Gogh", ["Vincent van Gogh"]),
    ],
)
def test_names(text, names):
    found = list(proper_names(text))
    assert [name for _, name in found] == names
    assert all(text[start:end] == name for (start, end), name in found)
