"""Judgements as instrumentation events."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from llama_index.core.instrumentation.events import BaseEvent
from llama_index_instrumentation import get_dispatcher

from grayswan_core import CygnalGuard, Judgement
from grayswan_core.cygnal.check import Check

__all__ = ["CygnalJudgementEvent", "arun_checks", "run_checks"]

_dispatcher = get_dispatcher(__name__)


class CygnalJudgementEvent(BaseEvent):
    """Something was judged; the report says at which stage, and whether it is blocked."""

    report: dict[str, Any]

    @classmethod
    def class_name(cls) -> str:
        """The name LlamaIndex's serialization knows the class by."""
        return "CygnalJudgementEvent"


def run_checks(checks: Sequence[Check], guard: CygnalGuard) -> list[Judgement]:
    """Make checks, and tell what came of each.

    Raises:
        APIError: the monitor refuses the request for good.
    """
    return [_told(check.run(guard)) for check in checks]


async def arun_checks(checks: Sequence[Check], guard: CygnalGuard) -> list[Judgement]:
    """`run_checks`, async, all at once."""
    return [_told(each) for each in await asyncio.gather(*(check.arun(guard) for check in checks))]


def _told(judgement: Judgement) -> Judgement:
    _dispatcher.event(CygnalJudgementEvent(report=judgement.report()))
    return judgement
