"""Checks as child runs: what is judged, by whom it is seen, and what comes of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from langchain_core.callbacks import AsyncCallbackManager, CallbackManager
from langchain_core.callbacks.base import BaseCallbackManager

from grayswan_core import CygnalGuard, Judgement
from grayswan_core.cygnal.check import Check
from langchain_grayswan.errors import langchain_errors

__all__ = ["EVENT", "arun_checks", "run_checks"]

EVENT = "cygnal"
"""The name of the custom event that tells a judgement."""


def run_checks(
    guard: CygnalGuard, checks: Sequence[Check], manager: BaseCallbackManager | None
) -> list[Judgement]:
    """Make checks, each a child run.

    Raises:
        APIError: the monitor refuses the request for good.
    """
    return [_run(guard, check, manager) for check in checks]


async def arun_checks(
    guard: CygnalGuard, checks: Sequence[Check], manager: BaseCallbackManager | None
) -> list[Judgement]:
    """`run_checks`, async, all at once."""
    return list(await asyncio.gather(*(_arun(guard, check, manager) for check in checks)))


def _run(guard: CygnalGuard, check: Check, manager: BaseCallbackManager | None) -> Judgement:
    if not isinstance(manager, CallbackManager):
        with langchain_errors():
            judgement = check.run(guard)
        _write(judgement)
        return judgement
    run = manager.on_chain_start({"name": check.name}, check.inputs, name=check.name)
    try:
        with langchain_errors():
            judgement = check.run(guard)
    except BaseException as error:
        run.on_chain_error(error)
        raise
    run.on_chain_end(judgement.report())
    if manager.handlers:
        manager.on_custom_event(EVENT, judgement.report(), run_id=manager.parent_run_id)
    _write(judgement)
    return judgement


async def _arun(guard: CygnalGuard, check: Check, manager: BaseCallbackManager | None) -> Judgement:
    if not isinstance(manager, AsyncCallbackManager):
        with langchain_errors():
            judgement = await check.arun(guard)
        _write(judgement)
        return judgement
    run = await manager.on_chain_start({"name": check.name}, check.inputs, name=check.name)
    try:
        with langchain_errors():
            judgement = await check.arun(guard)
    except BaseException as error:
        await run.on_chain_error(error)
        raise
    await run.on_chain_end(judgement.report())
    if manager.handlers:
        await manager.on_custom_event(EVENT, judgement.report(), run_id=manager.parent_run_id)
    _write(judgement)
    return judgement


def _write(judgement: Judgement) -> None:
    """Tell the judgement to LangGraph's custom stream, where there is one."""
    config = sys.modules.get("langgraph.config")
    if config is None:
        return
    try:
        write = config.get_stream_writer()
    except (RuntimeError, KeyError, AttributeError):  # not inside a graph
        return
    write({EVENT: judgement.report()})
