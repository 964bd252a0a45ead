"""Rules in plain words, in the three shapes that the API takes. Sans-I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from pydantic import TypeAdapter, ValidationError

from grayswan_core.errors import ConfigurationError
from grayswan_core.wire import MonitorRules

__all__ = ["Rules", "checked_rules"]

Rules: TypeAlias = Mapping[str, str] | Sequence[str] | Sequence[Mapping[str, Any]]

_RULES: TypeAdapter[MonitorRules] = TypeAdapter(MonitorRules)


def checked_rules(rules: Rules | None) -> MonitorRules | None:
    """Rules in one of the three shapes that the API takes.

    Raises:
        ConfigurationError: they have none of them, or one is empty.
    """
    if rules is None:
        return None
    if isinstance(rules, str):
        raise ConfigurationError("rules is a list of texts, or name to text, not one text.")
    given = dict(rules) if isinstance(rules, Mapping) else list(rules)
    try:
        checked = _RULES.validate_python(given, strict=True)
    except ValidationError:
        raise ConfigurationError(
            "rules is a mapping of names to texts, a list of texts, or a list of mappings."
        ) from None
    texts = checked.values() if isinstance(checked, dict) else checked
    if not checked or not all(text.strip() if isinstance(text, str) else text for text in texts):
        raise ConfigurationError("rules holds an empty rule, or none. Leave rules out instead.")
    return checked
