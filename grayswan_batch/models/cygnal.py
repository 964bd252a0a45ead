"""`CygnalGuard`: a judgement of each row, as fields."""

from __future__ import annotations

from typing import Any

from grayswan_batch.errors import InputError
from grayswan_batch.models.answer import Answer, Usage, plain
from grayswan_batch.models.describe import describe
from grayswan_batch.prompts import Message
from grayswan_core.cygnal.guard import CygnalGuard
from grayswan_core.cygnal.verdict import Stage
from grayswan_core.cygnal.window import monitor_messages

__all__ = ["adapted"]

_STAGES: dict[str, Stage] = {"user": "input", "assistant": "output", "data": "retrieval"}
_DECIDES = (
    "policy_id",
    "policy_ids",
    "rules",
    "reasoning_mode",
    "threshold",
    "thresholds",
    "block_on_ipi",
    "block_on_mutation",
    "history",
)


def adapted(guard: CygnalGuard, schema: Any) -> _CygnalModel:
    """A guard as a run asks it.

    Raises:
        InputError: there is a schema.
    """
    if schema is not None:
        raise InputError("A CygnalGuard answers with its judgement; it takes no schema.")
    return _CygnalModel(guard)


class _CygnalModel:
    takes_rows = False

    def __init__(self, guard: CygnalGuard) -> None:
        self._guard = guard

    async def ask(self, prompt: Any) -> Answer:
        """Judge the last message, in the light of those before it."""
        *before, last = [Message("user", prompt)] if isinstance(prompt, str) else prompt
        stage = _STAGES.get(last.role)
        if stage is None:
            raise InputError(f"The last message is judged, and a {last.role} message cannot be.")
        context = [each for said in before for each in monitor_messages(said.role, said.text)]
        judged = monitor_messages(last.role, last.text)
        judgement = await self._guard.acheck(judged, [stage], context)
        if judgement.error is not None:
            raise judgement.error  # no verdict is no answer, whatever the guard does then
        usage = Usage()
        report = plain(judgement.report())
        spent = report.pop("usage", {})
        usage.add(spent.get("input_tokens", 0), spent.get("output_tokens", 0))
        return Answer(report, usage, request_id=report.pop("activity_id", None))

    def describe(self) -> Any:
        settings = {name: getattr(self._guard, name) for name in _DECIDES}
        return {"class": "CygnalGuard", **describe(settings)}
