"""What a flow is, whichever framework it is of."""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, TypeAlias

__all__ = ["MODES", "PROMPT", "QUESTION", "Flow", "Mode", "run_async"]

Mode: TypeAlias = Literal["sync", "async", "stream"]
MODES: tuple[Mode, ...] = ("sync", "async", "stream")

PROMPT = "You are a careful librarian. Answer briefly, from what you are given, and say so."
QUESTION = "What do these pages tell about how the birds raise their young?"


@dataclass(frozen=True)
class Flow:
    """Something real that users build.

    Attributes:
        framework: `langchain` or `llama_index`.
        name: What users call it.
        run: Runs it with a model, documents and a mode, protected or not.
        answers: What the model says first, where the flow needs more than a line of text.
        modes: The modes it has.
        labels: A pattern of what the framework writes before a document, as part of it.
        cuts: Whether the program cuts texts to a length, of which marks take their share.
    """

    framework: str
    name: str
    run: Callable[[Any, Sequence[str], Mode, bool], None]
    answers: Sequence[str] = field(default=())
    modes: Sequence[Mode] = MODES
    labels: str = ""
    cuts: bool = False


def run_async(work: Coroutine[Any, Any, Any]) -> Any:
    """Wait for async work, in one event loop for all: not every model can be used in a second."""
    return _loop().run_until_complete(work)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    atexit.register(loop.close)
    return loop
