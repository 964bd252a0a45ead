"""What somebody else says of a tool: its schema's texts marked, its names checked. Sans-I/O.

A name cannot be marked, since the program looks tools and parameters up by it. So one that has
room for instructions is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from grayswan_core.errors import ConfigurationError
from grayswan_core.untrusted.values import is_short_name, mark_all, mark_name, mark_untrusted

__all__ = ["check_name", "check_names", "mark_schema"]

# What APIs take for a name.
_NAME = re.compile(r"[\w.-]{1,64}")

# Where a word begins in a name such as `includeArchivedMessages`.
_HUMP = re.compile(r"(?<=[a-z\d])(?=[A-Z])")

# Whose keys are names that a program looks up.
_NAMED = frozenset({"properties", "$defs", "definitions"})

# What a JSON Schema says to its reader; its other texts are names that it is read by.
_SAID = frozenset({"title", "description", "default", "examples", "const", "$comment"})


def check_name(name: str) -> None:
    """Refuse the name of a tool or a parameter that has room for instructions.

    Raises:
        ConfigurationError: it is not one that a program would choose.
    """
    spelt = (name, _HUMP.sub("_", name))
    if not _NAME.fullmatch(name) or all(mark_name(each) != each for each in spelt):
        raise ConfigurationError(
            f"{name!r} is no name that a program would give a tool or a parameter, and a name"
            " cannot be marked. Rename it, or leave the tool out."
        )


def check_names(names: Iterable[str]) -> None:
    """Refuse tools of one name, of which one could answer in the other's place.

    Raises:
        ConfigurationError: a name is there twice.
    """
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise ConfigurationError(
            f"There are several tools named {twice}: the model could not say which it means."
            " Leave out those that you do not need."
        )


def mark_schema(schema: Any, keyword: str = "") -> Any:
    """A schema, or a tool as a dict, with every text in it marked that is more than a name.

    Args:
        schema: The schema, or a part of it.
        keyword: Which key of a schema the part is the value of.

    Raises:
        ConfigurationError: a name in it is not one that a program would choose.
    """
    if isinstance(schema, dict):
        if keyword in _NAMED:
            for name in schema:
                check_name(str(name))
            return {name: mark_schema(each) for name, each in schema.items()}
        return {_marked_key(key): mark_schema(each, key) for key, each in schema.items()}
    if isinstance(schema, (list, tuple)):
        return [mark_schema(each, keyword) for each in schema]
    if not isinstance(schema, str):
        return mark_all(schema)
    if keyword in _SAID:
        return schema if is_short_name(schema) else mark_untrusted(schema, ticks=False)
    return mark_name(schema)


def _marked_key(key: Any) -> Any:
    return mark_name(key) if isinstance(key, str) else mark_all(key)
