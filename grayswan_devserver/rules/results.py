"""Closing answers: what is said once the tools have given their results.

Results are untrusted: sentences in them that speak to the model are left out.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from grayswan_devserver.rules.text import sentences
from grayswan_devserver.rules.untrusted import speaks_to_the_model

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["tell"]

_NOTHING = "The tool gave no result that I could tell you."


def tell(results: Sequence[tuple[str, str]]) -> str:
    """Put the results of tools, each with its tool's name, into sentences."""
    told = [_tell_one(name, content.strip()) for name, content in results]
    return " ".join(filter(None, told)) or _NOTHING


def _tell_one(name: str, content: str) -> str:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = content
    if isinstance(value, dict) and set(value) == {"result"}:
        value = value["result"]
    if isinstance(value, dict):
        value = {key: each for key, each in value.items() if not speaks_to_the_model(str(each))}
    if value == {}:
        return ""
    if not isinstance(value, str):
        subject = f"The result of {name}" if name else "The result"
        value = f"{subject} is {json.dumps(value, ensure_ascii=False)}."
    return " ".join(part for part in sentences(value) if not speaks_to_the_model(part))
