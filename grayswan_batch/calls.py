"""The row that a request is made for, known to whatever runs in its context.

The engine takes one permit for a row before it calls the model. A model that asks the limiter
itself, before every try, gets that permit for its first try and new ones for the others; for a
model that does not ask, the permit stands for the whole row. So neither kind has to be known.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grayswan_core.http.gate import Permit

__all__ = ["RowCall", "current_call", "take_spare", "waiting"]


@dataclass
class RowCall:
    """One row's way through the model.

    Attributes:
        spare: The row's permit, until a model asks for it.
        tries: How many requests were let go.
        refused: How many of them were refused because there were too many.
        charged: Tokens that they were expected to cost.
        waiting: Whether it waits to be let go, so that nothing of it is under way.
        given_up: Whether the run cancels it.
    """

    spare: Permit | None = None
    tries: int = 0
    refused: int = 0
    charged: float = 0.0
    waiting: bool = False
    given_up: bool = False


current_call: ContextVar[RowCall | None] = ContextVar("current_call", default=None)


def take_spare(call: RowCall | None) -> Permit | None:
    """The permit that was taken for a row, if nobody has used it yet."""
    if call is None:
        return None
    spare, call.spare = call.spare, None
    return spare


@contextmanager
def waiting(call: RowCall | None) -> Iterator[None]:
    """Note on a call that it waits."""
    if call is not None:
        call.waiting = True
    try:
        yield
    finally:
        if call is not None:
            call.waiting = False
