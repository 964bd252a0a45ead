"""The audits that are open, and the hooks of a framework while there are any."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from grayswan_core.audit.watch import Audit

__all__ = ["Registry"]


class Registry:
    """The open audits of one framework; its hooks are there while one is open.

    Args:
        hooks: Puts the hooks there, for the length of a block.
    """

    def __init__(self, hooks: Callable[[], AbstractContextManager[None]]) -> None:
        self._hooks = hooks
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self.audits: tuple[Audit, ...] = ()

    def tell(self, what: str, note: Callable[[Audit], object]) -> None:
        """Have each open audit note something.

        Args:
            what: What is noted, for the report where it cannot be.
            note: Notes it. Its errors are kept from the program.
        """
        for audit in self.audits:
            with audit.guarded(what):
                note(audit)

    @contextmanager
    def attached(self, audit: Audit) -> Iterator[None]:
        """Have an audit see what the framework does in the block."""
        with self._lock:
            if not self.audits:
                with ExitStack() as stack:
                    stack.enter_context(self._hooks())
                    self._stack = stack.pop_all()
            self.audits = (*self.audits, audit)
        try:
            yield
        finally:
            with self._lock:
                self.audits = tuple(each for each in self.audits if each is not audit)
                if not self.audits:
                    self._stack.close()
