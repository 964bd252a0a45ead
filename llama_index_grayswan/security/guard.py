"""Secured classes: what is changed in a part after `secure` is looked at before it is used again.

A part is secured in place: it gets a subclass of its own class that looks over all that is in it
at each call from outside. So a template, a synthesizer or a postprocessor that is put in later
is marked too, or refused.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from llama_index_grayswan.subclassing import subclass

__all__ = ["guard"]

# The methods by which programs and other parts use one.
_ENTRIES = (
    *("query", "aquery", "retrieve", "aretrieve", "retrieve_all"),
    *("synthesize", "asynthesize", "get_response", "aget_response"),
    *("postprocess_nodes", "apostprocess_nodes"),
    *("chat", "achat", "stream_chat", "astream_chat"),
    *("evaluate", "aevaluate", "select", "aselect", "generate", "agenerate"),
    *("run", "call", "acall", "__call__", "to_tool_list"),
)


def guard(part: Any, secure_again: Callable[[Any], Any], methods: type | None) -> None:
    """Give a part a subclass of its class that looks over it at each call.

    Args:
        part: What to guard; nothing happens where it is guarded already.
        secure_again: Secures a part as this one was, and returns it.
        methods: A class whose methods come before the part's own.
    """
    if hasattr(type(part), "secure_like"):
        return
    # Past what pydantic's models do when an attribute is set.
    own: Any = type(part)
    object.__setattr__(part, "__class__", _guarded(own, secure_again, methods))


@cache
def _guarded(own: type, secure_again: Callable[[Any], Any], methods: type | None) -> type:
    def secure_like(_: object, other: Any) -> Any:
        """Secure another part as this one was."""
        return secure_again(other)

    before = dict(inspect.getmembers(methods, inspect.isfunction)) if methods else {}
    entries = {
        name: _entry(before.get(name) or getattr(own, name), secure_again)
        for name in _ENTRIES
        if callable(getattr(own, name, None))
    }
    namespace = {**before, **entries, "secure_like": secure_like}
    return subclass(f"Secured{own.__name__}", (own,), namespace)


def _entry(method: Callable[..., Any], secure_again: Callable[[Any], Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(method):

        @wraps(method)
        async def aentry(self: Any, *args: Any, **kwargs: Any) -> Any:
            secure_again(self)
            return await method.__get__(self)(*args, **kwargs)

        return aentry

    @wraps(method)
    def entry(self: Any, *args: Any, **kwargs: Any) -> Any:
        secure_again(self)
        # Bound first: older versions of wrapt take `self` for an argument else.
        return method.__get__(self)(*args, **kwargs)

    return entry
