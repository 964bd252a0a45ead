"""Objects that take on a subclass of their own class, and still say what they were."""

from __future__ import annotations

from typing import Any

__all__ = ["own_class", "subclass"]

_OWN_CLASS = "__grayswan_own_class__"


def own_class(part: object) -> type:
    """The class an object had before any subclass that was made here."""
    known: type = getattr(type(part), _OWN_CLASS, type(part))
    return known


def subclass(name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> type:
    """A subclass of the last base, for its objects to take on.

    Pickles name a class by its module: one that is made here cannot be found there. So pickling
    such an object fails, and it does not come back as one of its own class.
    """
    own = bases[-1]
    known = {_OWN_CLASS: getattr(own, _OWN_CLASS, own), "__doc__": own.__doc__}
    return type(own)(name, bases, {"__module__": __name__, **known, **namespace})
