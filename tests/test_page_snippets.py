"""Snippets of a page, and the outputs that it shows for them."""

import pytest

from scripts.page_snippets import Snippet, mismatch, output_after, snippets

PAGE = """# A page

```python
print(1)
```

```output
1
```

<!-- skip: next -->
```python
print(2)
```

Some words.

```output
3
```
"""


def test_an_output_belongs_to_the_snippet_directly_before_it():
    assert snippets(PAGE) == [
        Snippet("print(1)\n", "1\n", is_skipped=False),
        Snippet("print(2)\n", None, is_skipped=True),
    ]


def test_the_output_after_a_block_is_found_by_where_the_block_ends():
    first = "```python\nprint(1)\n```"
    assert output_after(PAGE, PAGE.index(first) + len(first)) == "1\n"
    assert output_after(PAGE, 0) is None


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        (None, ""),
        ("1\n", "1"),
        ("one  \ntwo\n", "one\ntwo  \n\n"),
        ("port ... of 2\n", "port 8000 of 2\n"),
        ("a.c\n", "a.c\n"),
    ],
)
def test_what_was_printed_matches(shown, printed):
    assert mismatch(shown, printed) is None


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        (None, "1\n"),
        ("1\n", ""),
        ("1\n", "2\n"),
        ("1\n", "1\n2\n"),
        ("...\n", "1\n2\n"),
        ("a.c\n", "abc\n"),
        ("1\n", "  1\n"),
    ],
)
def test_what_was_not_printed_does_not_match(shown, printed):
    assert printed.rstrip() in mismatch(shown, printed)
