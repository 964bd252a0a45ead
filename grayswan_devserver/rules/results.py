"""Closing answers: what is said once the tools have given their results.

Results are untrusted. Sentences in them that speak to the model are left out, and of a long
result only what fits the question is told.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from grayswan_devserver.rules.documents import quote
from grayswan_devserver.rules.text import sentences
from grayswan_devserver.rules.untrusted import speaks_to_the_model

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["tell"]

_NOTHING = "The tool gave no result that I could tell you."
_LONG = 4


def tell(question: str, results: Sequence[tuple[str, str]]) -> str:
    """Put the results of tools, each with its tool's name, into sentences.

    Of several results of one tool, all are told; of steps, one after the other too.
    """
    told = [_tell_one(question, name, content.strip()) for name, content in results]
    return " ".join(filter(None, told)) or _NOTHING


def _tell_one(question: str, name: str, content: str) -> str:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return _tell_text(question, content)
    subject = f"The result of {name}" if name else "The result"
    if isinstance(value, dict) and set(value) == {"result"}:
        value = value["result"]
    return _tell_value(question, subject, value)


def _tell_value(question: str, subject: str, value: Any) -> str:
    if isinstance(value, str):
        return _tell_text(question, value)
    if isinstance(value, dict) and value:
        pairs = [f"{key} is {_plain(item)}" for key, item in value.items()]
        kept = [pair for pair in pairs if not speaks_to_the_model(pair.split(" is ", 1)[1])]
        return f"{subject}: {', '.join(kept)}." if kept else ""
    return f"{subject} is {_plain(value)}."


def _tell_text(question: str, text: str) -> str:
    said = [part for part in sentences(text) if not speaks_to_the_model(part)]
    if len(said) > _LONG:
        return quote(question, [text]) or " ".join(said[:_LONG])
    return " ".join(said)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
