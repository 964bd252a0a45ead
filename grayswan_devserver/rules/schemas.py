"""JSON Schema, as far as tools use it: references, merging, and whether a value conforms.

Understood: `type` (one or a list), `enum`, `const`, `$ref` into the same document, `allOf`,
`anyOf`, `oneOf`, the bounds of numbers, strings, arrays and objects, `multipleOf`, `pattern`,
`uniqueItems`, `items`, `prefixItems`, `properties`, `required`, `additionalProperties`.
Everything else is ignored (`not`, `if`, `dependentRequired`, `patternProperties`, `contains`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

__all__ = ["Schema", "Schemas", "types_of"]

Schema: TypeAlias = dict[str, Any]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: _is_number(value) and value == int(value),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
_IMPLIED = (
    ("object", ("properties", "additionalProperties", "required", "minProperties")),
    ("array", ("items", "prefixItems", "minItems", "maxItems", "uniqueItems")),
    ("string", ("pattern", "format", "minLength", "maxLength")),
    ("number", ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
)
_TIGHTER: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems"), max),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems"), min),
}
_MAX_REFS = 32


def types_of(schema: Schema) -> list[str]:
    """The types a schema allows; taken from its other keywords where it names none."""
    named = schema.get("type")
    if named is not None:
        return list(named) if isinstance(named, list) else [named]
    return [kind for kind, keywords in _IMPLIED if any(word in schema for word in keywords)]


class Schemas:
    """The schemas of one document, with its `root` for references to point into."""

    def __init__(self, root: Schema) -> None:
        self._root = root

    def flat(self, schema: Any) -> Schema:
        """A schema with its references followed and its `allOf` merged in."""
        merged: Schema = {}
        pending, budget = [schema], _MAX_REFS
        while pending and budget:
            budget -= 1
            part = pending.pop()
            if not isinstance(part, Mapping):
                continue
            part = dict(part)
            pending.extend(part.pop("allOf", ()))
            if "$ref" in part:
                pending.append(self._target(part.pop("$ref")))
            merged = _merge(merged, part)
        return merged

    def conforms(self, value: Any, schema: Any) -> bool:
        """Whether a value is what a schema asks for."""
        if isinstance(schema, bool):
            return schema
        flat = self.flat(schema)
        return (
            _has_type(value, flat)
            and _is_listed(value, flat)
            and self._fits_branches(value, flat)
            and self._fits_kind(value, flat)
        )

    def _target(self, reference: str) -> Any:
        target: Any = self._root
        for step in reference.removeprefix("#").split("/"):
            if step:
                key = step.replace("~1", "/").replace("~0", "~")
                target = target.get(key, {}) if isinstance(target, Mapping) else {}
        return target

    def _fits_branches(self, value: Any, flat: Schema) -> bool:
        some = flat.get("anyOf")
        one = flat.get("oneOf")
        return (not some or any(self.conforms(value, branch) for branch in some)) and (
            not one or sum(self.conforms(value, branch) for branch in one) == 1
        )

    def _fits_kind(self, value: Any, flat: Schema) -> bool:
        if isinstance(value, str):
            return _fits_string(value, flat)
        if _is_number(value):
            return _fits_number(value, flat)
        if isinstance(value, list):
            return self._fits_array(value, flat)
        return not isinstance(value, dict) or self._fits_object(value, flat)

    def _fits_array(self, value: list[Any], flat: Schema) -> bool:
        first = flat.get("prefixItems", [])
        rest = flat.get("items", True)
        return (
            flat.get("minItems", 0) <= len(value) <= flat.get("maxItems", len(value))
            and all(map(self.conforms, value, first))
            and all(self.conforms(item, rest) for item in value[len(first) :])
            and not (flat.get("uniqueItems") and _has_repeats(value))
        )

    def _fits_object(self, value: dict[str, Any], flat: Schema) -> bool:
        known = flat.get("properties", {})
        more = flat.get("additionalProperties", True)
        return (
            flat.get("minProperties", 0) <= len(value) <= flat.get("maxProperties", len(value))
            and all(name in value for name in flat.get("required", ()))
            and all(self.conforms(item, known.get(name, more)) for name, item in value.items())
        )


def _merge(one: Schema, other: Schema) -> Schema:
    merged = {**other, **one}
    for key in one.keys() & other.keys():
        mine, theirs = one[key], other[key]
        if key == "properties":
            merged[key] = {**theirs, **mine} | {
                name: {"allOf": [mine[name], theirs[name]]} for name in mine.keys() & theirs.keys()
            }
        elif key == "required":
            merged[key] = [*mine, *(name for name in theirs if name not in mine)]
        elif key == "enum":
            merged[key] = [value for value in mine if any(_same(value, item) for item in theirs)]
        elif key in _TIGHTER:
            merged[key] = _TIGHTER[key](mine, theirs)
    return merged


def _same(one: Any, other: Any) -> bool:
    """Equality as JSON has it, where true is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _has_repeats(items: list[Any]) -> bool:
    return any(_same(a, b) for i, a in enumerate(items) for b in items[:i])


def _has_type(value: Any, flat: Schema) -> bool:
    named = flat.get("type")
    if named is None:
        return True
    return any(_TYPES[kind](value) for kind in types_of(flat) if kind in _TYPES)


def _is_listed(value: Any, flat: Schema) -> bool:
    return ("const" not in flat or _same(value, flat["const"])) and (
        "enum" not in flat or any(_same(value, item) for item in flat["enum"])
    )


def _fits_string(value: str, flat: Schema) -> bool:
    return flat.get("minLength", 0) <= len(value) <= flat.get("maxLength", len(value)) and bool(
        re.search(flat.get("pattern", ""), value)
    )


def _fits_number(value: float, flat: Schema) -> bool:
    step = flat.get("multipleOf")
    return (
        flat.get("minimum", value) <= value <= flat.get("maximum", value)
        and ("exclusiveMinimum" not in flat or value > flat["exclusiveMinimum"])
        and ("exclusiveMaximum" not in flat or value < flat["exclusiveMaximum"])
        and (step is None or value % step == 0)
    )
