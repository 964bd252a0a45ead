"""A fault played to a contender, and the verdict on what came of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from benchmarks.faults.contenders import is_typed
from benchmarks.faults.helpers import (
    OURS,
    PLAIN,
    Fault,
    Outcome,
    WireServer,
    answer,
    outcome_of,
    whole,
)
from grayswan_core import Limits

__all__ = ["RIGHT", "anothers_answer", "requests_on_the_wire", "verdict", "waits_a_day"]

RIGHT = "✓"

# Seconds after which a call that knows a timeout of 0.4 counts as one that hangs.
_PATIENCE = 4.0


def _played(
    make: Callable[..., Any], how: str, fault: Fault, *, patience: float = _PATIENCE, **more: Any
) -> tuple[Outcome | None, int]:
    """What came of a fault, or None where nothing does; and how many requests were made."""
    came: list[Outcome] = []
    with WireServer() as server:
        server.play_always(*fault.steps)

        def ask() -> None:
            came.append(outcome_of(make, how, server.url, fault, timeout=fault.timeout, **more))

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(patience)
        return (came[0] if came else None), len(server.requests)


def verdict(make: Callable[..., Any], how: str, fault: Fault, *, is_async: bool) -> str:
    """What came of a fault, in a word or two."""
    if fault.limits != Limits() and make not in OURS.values():
        return "no limit"
    outcome, _ = _played(make, how, fault, is_async=is_async)
    if outcome is None:
        return "hangs"
    if outcome.error is not None:
        return _failure(outcome.error, fault)
    if fault.error is None:
        return RIGHT if outcome.text == fault.text else f"wrong text: {outcome.text[:20]!r}"
    return "a tool call of cut arguments" if outcome.calls else f"silent: {outcome.text[:20]!r}"


def _failure(error: BaseException, fault: Fault) -> str:
    name = type(error).__name__
    if fault.error is None:
        return f"fails: {name}"
    return RIGHT if is_typed(error) else f"bare {name}"


def anothers_answer(make: Callable[..., Any], *, is_async: bool) -> str:
    """What the second of two calls gets, when two answers came to the first."""
    nothing = Fault("", ())
    with WireServer() as server:
        server.play(whole(answer("first")) + whole(answer("nobody's")))
        server.play_always(whole(answer("second")))
        asker = make(server.url, nothing, None, max_retries=1)
        outcomes = [Outcome(), Outcome()]

        async def on_a_loop() -> None:
            for outcome in outcomes:
                await asker.aplain(outcome)
            await asker.aclose()

        if is_async:
            asyncio.run(on_a_loop())
        else:
            for outcome in outcomes:
                asker.plain(outcome)
        asker.close()
    second = outcomes[1].text
    return RIGHT if second == "second" else f"gets {second!r}"


def requests_on_the_wire(make: Callable[..., Any], *, is_async: bool) -> str:
    """How many requests `max_retries=2` makes of an API that is down."""
    down = Fault("down", (whole("{}", 503, headers={"retry-after-ms": "1"}),))
    outcome, requests = _played(make, PLAIN, down, patience=60, is_async=is_async, max_retries=2)
    return RIGHT if outcome is not None and requests == 3 else f"{requests} requests"  # noqa: PLR2004 - 1 + 2


def waits_a_day(make: Callable[..., Any], *, is_async: bool) -> str:
    """What becomes of `Retry-After: 86400`."""
    busy = Fault("busy", (whole("{}", 429, headers={"retry-after": "86400"}),))
    outcome, requests = _played(make, PLAIN, busy, patience=8, is_async=is_async, max_retries=1)
    if outcome is None:
        return "still waiting after 8 s"
    return RIGHT if requests == 1 else f"asks again at once ({requests} requests)"
