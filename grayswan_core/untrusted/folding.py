r"""Text as it is compared with another: marks, escapes and layout taken off. Sans-I/O.

A template may have written a text as JSON (`\n`, `\u00e9`), HTML (`&amp;`) or part of a URL
(`%20`), wrapped its lines anew, quoted them (`> `) or changed its case. `variants` takes the
escapes off, `words_of` all the rest. Both are linear in the length of the text.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable
from urllib.parse import unquote_plus

from grayswan_core.untrusted.marks import without_marks

__all__ = ["folded", "plain", "printable", "variants", "words_of"]

_DEPTH = 3
_MOST_VARIANTS = 8

_JSON_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_JSON_SPACES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "b": "\b"}
_URL_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}|\S\+\S+\+\S")
_LINE_PREFIX = re.compile(r"^[ \t]*[>|#*-][>|#* \t-]*", re.MULTILINE)
_SURROGATE = re.compile("[\ud800-\udfff]")


def variants(text: str) -> list[str]:
    """The text without marks, and with escapes taken off: each kind, also nested, three deep."""
    found = [without_marks(text)]
    known = set(found)
    layer = found
    for _ in range(_DEPTH):
        peeled = [peel(each) for each in layer for peel in _PEELS]
        layer = [each for each in dict.fromkeys(peeled) if each not in known]
        layer = layer[: _MOST_VARIANTS - len(found)]
        if not layer:
            break
        known.update(layer)
        found = [*found, *layer]
    return found


def folded(text: str) -> str:
    """The text in Unicode's NFKC form, without what stands before the lines of a quote or list."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return _LINE_PREFIX.sub("", text)


def words_of(text: str) -> list[str]:
    """The words of a text that has been `folded`, without regard to case or white space."""
    return text.casefold().split()


def printable(text: str) -> str:
    """A text for people to see, in one line: a terminal is to obey none of its characters."""
    line = " ".join(text.split())
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in line)


def plain(text: str) -> list[str]:
    """The words of a text as it stands, without its marks."""
    return words_of(folded(without_marks(text)))


def _without_json(text: str) -> str:
    if "\\" not in text:
        return text
    bare = _JSON_ESCAPE.sub(_character, text)
    if _SURROGATE.search(bare):  # JSON writes characters beyond U+FFFF as two
        bare = bare.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return bare


def _character(found: re.Match[str]) -> str:
    code = found[1]
    return chr(int(code[1:], 16)) if len(code) > 1 else _JSON_SPACES.get(code, code)


def _without_html(text: str) -> str:
    return html.unescape(text) if "&" in text else text


def _without_url(text: str) -> str:
    maybe = "%" in text or "+" in text
    return unquote_plus(text) if maybe and _URL_ESCAPE.search(text) else text


_PEELS: tuple[Callable[[str], str], ...] = (_without_json, _without_html, _without_url)
