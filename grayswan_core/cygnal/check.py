"""Something to judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grayswan_core.cygnal.guard import CygnalGuard
from grayswan_core.cygnal.verdict import Judgement, Stage
from grayswan_core.wire import MonitorMessage

__all__ = ["Check"]


@dataclass(frozen=True)
class Check:
    """Something to judge: messages, at which stages, and what came before."""

    judged: Sequence[MonitorMessage]
    stages: tuple[Stage, ...]
    context: Sequence[MonitorMessage] = ()

    @property
    def name(self) -> str:
        """The name of its run in a trace."""
        return f"cygnal_{self.stages[0]}"

    @property
    def inputs(self) -> dict[str, Any]:
        """What a trace shows of it: no text, which it would show twice."""
        return {"stages": list(self.stages), "messages": len(self.judged) + len(self.context)}

    def run(self, guard: CygnalGuard) -> Judgement:
        """Let the guard judge it; errors as in `CygnalGuard.check`."""
        return guard.check(self.judged, self.stages, self.context)

    async def arun(self, guard: CygnalGuard) -> Judgement:
        """`run`, async."""
        return await guard.acheck(self.judged, self.stages, self.context)
