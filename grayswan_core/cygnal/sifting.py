"""Retrieved documents, of which the flagged ones are left out or replaced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias, TypeVar

from grayswan_core.cygnal.verdict import Judgement

__all__ = ["REMOVED_DOCUMENT", "OnFlagged", "sift"]

OnFlagged: TypeAlias = Literal["drop", "mark", "raise"]

_T = TypeVar("_T")

REMOVED_DOCUMENT = "[This document was removed: it was flagged by the safety check.]"


def sift(
    found: Sequence[_T],
    judgements: Sequence[Judgement],
    on_flagged: OnFlagged,
    *,
    placeholder: Callable[[_T, dict[str, Any]], _T],
    error: Callable[[str, dict[str, Any]], Exception],
) -> list[_T]:
    """The documents that may go into a prompt.

    Args:
        found: What was retrieved.
        judgements: How each was judged.
        on_flagged: What becomes of a flagged one: it is left out, replaced, or an error.
        placeholder: What stands in place of one, with the judgement's report.
        error: Makes the error of the reasons and the report.
    """
    kept = []
    for each, judgement in zip(found, judgements, strict=True):
        if not judgement.blocked:
            kept.append(each)
        elif on_flagged == "raise":
            raise error(", ".join(judgement.reasons), judgement.report())
        elif on_flagged == "mark":
            kept.append(placeholder(each, judgement.report()))
    return kept
