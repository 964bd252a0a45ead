import pytest

from grayswan_devserver.rules.evidence import NUMBER, Evidence


def all_of(take):
    return list(iter(take, None))


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("a=1, b=2", "b", "2"),
        ("first name: Ada", "first_name", "Ada"),
        ("the title is 'So it goes' and", "title", "So it goes"),
        ('{"size": "big"}', "size", "big"),
        ("The customer is Ann and the amount is 5.", "customer", "Ann"),
        ("see url: https://example.org/a.", "url", "https://example.org/a"),
        ("nothing", "title", None),
        ("to be of use", "to", None),
    ],
)
def test_labelled(text, name, value):
    assert Evidence(text).labelled(name) == value


def test_a_label_is_used_once():
    evidence = Evidence("age: 4. age: 5.")
    assert all_of(lambda: evidence.labelled("age")) == ["4", "5"]


def test_numbers_are_used_once_and_in_order():
    evidence = Evidence("2 and -3, 1,000 or 4.5; not gpt4 or v1.2.3")
    assert all_of(lambda: evidence.take(NUMBER)) == ["2", "-3", "1,000", "4.5"]


def test_a_labelled_number_is_used_up():
    evidence = Evidence("b=2, 3")
    assert evidence.labelled("b") == "2"
    assert all_of(lambda: evidence.take(NUMBER)) == ["3"]


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("include the punch line", True),
        ("no punch line", False),
        ("without any punch-line", False),
        ("a joke", None),
    ],
)
def test_mentions(text, mentions):
    assert Evidence(text).mentions("punch_line") is mentions


@pytest.mark.parametrize("text", ['"a b"', "“a b”", "「a b」", "'a b'", "`a b`", "«a b»"])
def test_quoted(text):
    assert Evidence(f"So {text} it is").quoted() == "a b"


def test_an_apostrophe_is_no_quotation_mark():
    assert Evidence("It's Ann's and Bob's").quoted() is None


def test_mentioned_values_in_order():
    evidence, values = Evidence("light blue, then red"), ["red", "blue", "light_blue", ""]
    assert all_of(lambda: evidence.mentioned(values)) == ["light_blue", "red"]
    assert Evidence("C++ or C").mentioned(["C", "C++"]) == "C++"
    assert Evidence("C").mentioned([]) is None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Tell Ada Lovelace and Bob", ["Ada Lovelace", "Bob"]),
        ("It is in San Francisco, CA today", ["San Francisco, CA"]),
        ("from Paris, London and Rio de Janeiro", ["Paris", "London", "Rio de Janeiro"]),
        ("Ann is 3 and Bob is 4", ["Ann", "Bob"]),
        ("Who is it? Ann", ["Ann"]),
        ("What is this? I wonder. Tell me", []),
        ("First this.\nThen that.", []),
    ],
)
def test_names(text, names):
    assert all_of(Evidence(text).name) == names


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("tags: a, b and c. d", ["a", "b", "c"]),
        ("tags = ['x', \"y\"]", ["x", "y"]),
        ("nothing", []),
    ],
)
def test_listed(text, found):
    assert Evidence(text).listed("tags") == found
