"""A gate that each try of a call passes before its request is sent, retries included.

A batch uses one to limit requests at once and to slow down when the API does:

```python
with gated(my_gate):
    model.invoke("Hello")  # my_gate.acquire(bytes) before each try, permit.done(error) after it
```

The gate is a context variable: it holds for the calls that begin in its context, in the threads
and tasks that copy it too. The time that a gate takes counts for no timeout of the call.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from types import TracebackType
from typing import Protocol

from grayswan_core.http.deadline import Deadline

__all__ = ["Gate", "Permit", "aadmit", "admit", "gated"]


class Permit(Protocol):
    """The right to send one request."""

    def done(self, error: BaseException | None) -> None:
        """The try is over; called once.

        Args:
            error: What it ended with: an `APIError`, the cancellation or closing of the call, or
                None for a whole response.
        """


class Gate(Protocol):
    """Gives permits. What it raises ends the call."""

    def acquire(self, size: int) -> Permit:
        """Wait until a request may be sent.

        Args:
            size: Bytes of its body.
        """

    async def aacquire(self, size: int) -> Permit:
        """`acquire`, async."""


_gate: ContextVar[Gate | None] = ContextVar("grayswan_gate", default=None)


@contextmanager
def gated(gate: Gate | None) -> Iterator[None]:
    """Let the calls that begin in a block pass a gate; None lets them pass none."""
    token = _gate.set(gate)
    try:
        yield
    finally:
        _gate.reset(token)


class _Admission(AbstractContextManager[None]):
    """One try, from its permit to its end."""

    def __init__(self, permit: Permit) -> None:
        self._permit = permit

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._permit.done(error)


_NO_GATE = nullcontext()


def admit(size: int, deadline: Deadline) -> AbstractContextManager[None]:
    """Wait for the permit of one try, whose end is the end of the context manager returned."""
    gate = _gate.get()
    if gate is None:
        return _NO_GATE
    since = deadline.clock()
    permit = gate.acquire(size)
    deadline.resume(since)
    return _Admission(permit)


async def aadmit(size: int, deadline: Deadline) -> AbstractContextManager[None]:
    """`admit`, async."""
    gate = _gate.get()
    if gate is None:
        return _NO_GATE
    since = deadline.clock()
    permit = await gate.aacquire(size)
    deadline.resume(since)
    return _Admission(permit)
