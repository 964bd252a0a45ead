"""Watches what the methods of a class and of all its subclasses return.

Loaders and readers have no hooks. So while an audit is open their methods are replaced by ones
that note what comes out; of classes that are made meanwhile, too. Afterwards all are as before.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

__all__ = ["Note", "watched"]

Note: TypeAlias = Callable[[Any, Any], None]
"""Is given the object whose method it was, and what the method gave."""


@contextmanager
def watched(base: type, methods: Collection[str], note: Note) -> Iterator[None]:
    """Watch these methods of a class and its subclasses in the block.

    Args:
        base: The class.
        methods: Names of methods that give a list or an iterator, or a coroutine or async iterator.
        note: Called with each item as it is handed out.
    """
    replaced: list[tuple[type, str, Any, Any]] = []

    def replace(kind: type) -> None:
        for name in methods:
            method = vars(kind).get(name)
            if inspect.isfunction(method):
                watching = _watching(method, note)
                setattr(kind, name, watching)
                replaced.append((kind, name, method, watching))

    before: Any = vars(base).get("__init_subclass__")

    def init_subclass(cls: type, /, **kwargs: Any) -> None:
        if before is None:
            super(base, cls).__init_subclass__(**kwargs)  # type: ignore[arg-type]
        else:
            before.__get__(None, cls)(**kwargs)
        replace(cls)

    for kind in _with_subclasses(base):
        replace(kind)
    hook: Any = classmethod(init_subclass)
    base.__init_subclass__ = hook  # type: ignore[method-assign]
    try:
        yield
    finally:
        if before is None:
            del base.__init_subclass__
        else:
            base.__init_subclass__ = before  # type: ignore[method-assign]
        for kind, name, method, watching in reversed(replaced):
            if vars(kind).get(name) is watching:
                setattr(kind, name, method)


def _with_subclasses(base: type) -> list[type]:
    found: list[type] = [base]
    for kind in found:
        below: list[type] = type.__subclasses__(kind)
        found += [each for each in below if each not in found]
    return found


def _watching(method: Callable[..., Any], note: Note) -> Callable[..., Any]:
    @functools.wraps(method)
    def watching(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _noting(self, method(self, *args, **kwargs), note)

    return watching


def _noting(owner: Any, given: Any, note: Note) -> Any:
    """What a method gave, with each item noted as it is handed out."""
    if isinstance(given, (list, tuple)):
        for item in given:
            note(owner, item)
        return given
    if inspect.isawaitable(given):
        return _noting_later(owner, given, note)
    if isinstance(given, AsyncIterator):
        return _noting_each_later(owner, given, note)
    return _noting_each(owner, given, note) if isinstance(given, Iterator) else given


def _noting_each(owner: Any, given: Iterator[Any], note: Note) -> Iterator[Any]:
    for item in given:
        note(owner, item)
        yield item


async def _noting_later(owner: Any, given: Awaitable[Any], note: Note) -> Any:
    return _noting(owner, await given, note)


async def _noting_each_later(
    owner: Any, given: AsyncIterator[Any], note: Note
) -> AsyncIterator[Any]:
    async for item in given:
        note(owner, item)
        yield item
