"""The Python snippets of a page, and the output that the page shows for them.

An `output` block directly follows the `python` block that prints it. In it, `...` stands for
whatever differs from run to run, within one line.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_OUTPUT = r"(?:\n\n```output\n(?P<output>.*?)^```$)"
_OUTPUT_NEXT = re.compile(_OUTPUT, re.DOTALL | re.MULTILINE)
_SNIPPET = re.compile(
    r"(?P<skip><!-- skip: next -->\n+)?^```python\n(?P<code>.*?)^```$" + _OUTPUT + "?",
    re.DOTALL | re.MULTILINE,
)


class Snippet(NamedTuple):
    """A block of Python; `output` is None where the page shows none."""

    code: str
    output: str | None
    is_skipped: bool


def snippets(page: str) -> list[Snippet]:
    """All Python snippets of a page's Markdown."""
    return [
        Snippet(found["code"], found["output"], found["skip"] is not None)
        for found in _SNIPPET.finditer(page)
    ]


def output_after(page: str, end: int) -> str | None:
    """The output shown directly after the block that ends at the offset `end`."""
    found = _OUTPUT_NEXT.match(page, end)
    return found["output"] if found else None


def mismatch(shown: str | None, printed: str) -> str | None:
    """What is wrong with the output that a page shows; None where it is what was printed."""
    wanted = _lines(shown or "")
    if (shown is None) == (not printed.strip()) and _matches(wanted, _lines(printed)):
        return None
    return f"The page has to show this output:\n\n```output\n{printed.rstrip()}\n```"


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]


def _matches(shown: list[str], printed: list[str]) -> bool:
    patterns = (re.escape(line).replace(re.escape("..."), ".*") for line in shown)
    return len(shown) == len(printed) and all(map(re.fullmatch, patterns, printed))
