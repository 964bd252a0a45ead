"""A tool's JSON Schema → a narrower one that llama.cpp's grammar can hold the model to.

Every value of the narrower schema is one of the tool's. It uses only what the grammar knows, so:

* references and `allOf` are written out; what refers to itself goes six levels deep;
* no other properties than those named, where some are named;
* texts have at most 200 characters and lists at most eight items, unless more are required, so
  that a small model comes to an end;
* numbers with bounds or steps are whole numbers, or one of a few values;
* a list of unique items has at most one;
* a value of any kind is a text.

A pattern is held to where the grammar knows what is in it. Some combinations are only found out
when the arguments are there (the engine checks them), and `not`, `if` and the like are refused.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from grayswan_devserver.engine import UnfitRequestError
from grayswan_devserver.rules.schemas import Schemas, types_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grayswan_devserver.rules.schemas import Schema

__all__ = ["LONGEST_LIST", "LONGEST_TEXT", "narrowed"]

LONGEST_TEXT = 200
LONGEST_LIST = 8

_DEEPEST = 6
_MOST_NODES = 2000
_FEW_INTEGERS = 10
_LONGEST_OF_ALL = 1000  # llama.cpp takes no grammar that repeats something 2,000 times
_LARGEST = 10.0**15  # nor an integer of more than 64 bits
_MOST_VALUES = 50
_REFUSED = (
    *("not", "if", "contains", "patternProperties", "propertyNames"),
    *("dependentRequired", "dependentSchemas", "unevaluatedProperties"),
)
_DAY = "[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_HEX = "[0-9a-f]"
_FORMATS = {
    "date": f"^{_DAY}$",
    "time": f"^{_CLOCK}Z$",
    "date-time": f"^{_DAY}T{_CLOCK}Z$",
    "duration": "^PT[1-9][0-9]{0,3}[HMS]$",
    "email": "^[a-z]{2,12}@[a-z]{2,12}[.](com|org|net)$",
    "uri": "^https://[a-z]{2,20}[.](com|org|net)/[a-z]{0,20}$",
    "uuid": f"^{_HEX}{{8}}-{_HEX}{{4}}-4{_HEX}{{3}}-[89ab]{_HEX}{{3}}-{_HEX}{{12}}$",
    "ipv4": "^(1[0-9]{2}|[1-9][0-9])([.](1[0-9]{2}|[1-9][0-9])){3}$",
}
_CLASSES = {r"\d": "[0-9]", r"\w": "[0-9A-Za-z_]", r"\s": "[ ]"}
_KNOWN_PATTERN = re.compile(
    r"\^(?:[A-Za-z0-9 _,:;@#%&=~'/-]|\[\^?[^\\\[\]^]+\]|\((?!\?)|[)|*+?]|\{\d+(?:,\d*)?\})*\$"
)


def narrowed(parameters: Schema) -> Schema:
    """The schema that the grammar is made from.

    Raises:
        UnfitRequestError: there is no such schema.
    """
    narrow = _Narrowing(parameters).node({"type": "object", **parameters}, 0)
    if narrow is None:
        raise _unfit("nothing that is short enough, or nothing at all, fits it")
    return narrow


def _unfit(reason: str) -> UnfitRequestError:
    return UnfitRequestError(
        "unsupported_schema",
        "The local model cannot be held to the schema of this tool.",
        f"In its parameters, {reason}. The engine 'rules' takes any schema.",
    )


class _Narrowing:
    """Narrows the schemas of one document; `None` stands for a schema that nothing fits."""

    def __init__(self, root: Schema) -> None:
        self._schemas = Schemas(root)
        self._nodes = 0

    def node(self, schema: Any, depth: int) -> Schema | None:
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise _unfit("there is too much")
        if schema is False or depth > _DEEPEST:
            return None
        flat = self._schemas.flat(schema)
        refused = [word for word in _REFUSED if word in flat]
        if refused:
            raise _unfit(f"there is {refused[0]!r}")
        if "enum" in flat or "const" in flat:
            return self._listed(flat.get("enum", [flat.get("const")]), flat)
        for word in ("anyOf", "oneOf"):
            if word in flat:
                rest = {key: value for key, value in flat.items() if key != word}
                # Merged with the rest, a branch that nothing fits would be one that all fits.
                branches = [branch for branch in flat[word] if branch is not False]
                return self._any(({"allOf": [branch, rest]} for branch in branches), depth)
        kinds = types_of(flat) or ["string"]
        if len(kinds) > 1:
            return self._any(({**flat, "type": kind} for kind in kinds), depth)
        return self._of_kind(kinds[0], flat, depth)

    def _any(self, branches: Iterable[Schema], depth: int) -> Schema | None:
        fitting = [narrow for branch in branches if (narrow := self.node(branch, depth))]
        return {"anyOf": fitting} if len(fitting) > 1 else next(iter(fitting), None)

    def _listed(self, values: Iterable[Any], flat: Schema) -> Schema | None:
        fitting = [value for value in values if self._schemas.conforms(value, flat)]
        return {"enum": fitting} if fitting else None

    def _of_kind(self, kind: str, flat: Schema, depth: int) -> Schema | None:
        if kind == "object":
            return self._object(flat, depth)
        if kind == "array":
            return self._array(flat, depth)
        if kind == "string":
            return _string(flat)
        if kind in {"integer", "number"}:
            return self._number(kind, flat)
        return {"type": kind}

    def _object(self, flat: Schema, depth: int) -> Schema | None:
        required = flat.get("required", [])
        named = {name: {} for name in required} | flat.get("properties", {})
        properties = {name: self.node(part, depth + 1) for name, part in named.items()}
        if any(properties[name] is None for name in required):
            return None
        kept = {name: narrow for name, narrow in properties.items() if narrow is not None}
        more = flat.get("additionalProperties")
        rest = self.node(more, depth + 1) if more and not named else None
        return {
            "type": "object",
            "properties": kept,
            "required": [name for name in kept if name in required],
            "additionalProperties": rest or False,
        }

    def _array(self, flat: Schema, depth: int) -> Schema | None:
        fewest = flat.get("minItems", 0)
        most = _most(flat.get("maxItems"), fewest, 1 if flat.get("uniqueItems") else LONGEST_LIST)
        if most is None:
            return None
        if "prefixItems" in flat:
            return self._tuple(flat["prefixItems"], fewest, most, depth)
        items = self.node(flat.get("items", {}), depth + 1)
        if items is None:
            return None if fewest else {"enum": [[]]}
        return {"type": "array", "items": items, "minItems": fewest, "maxItems": most}

    def _tuple(self, first: list[Any], fewest: int, most: int, depth: int) -> Schema | None:
        items = [self.node(part, depth + 1) for part in first]
        if None in items or not fewest <= len(items) <= most:
            return None
        return {"type": "array", "prefixItems": items}

    def _number(self, kind: str, flat: Schema) -> Schema | None:
        low, high = _bounds(flat)
        if low > _LARGEST or high < -_LARGEST:
            return None
        low = low if low >= -_LARGEST else -math.inf
        high = high if high <= _LARGEST else math.inf
        step = flat.get("multipleOf")
        if step:
            first = math.ceil(low / step) if low > -math.inf else 0
            return self._listed(_steps(first * step, step, high), flat)
        if kind == "number" and low == -math.inf and high == math.inf:
            return {"type": "number"}
        if kind == "number" and high - low < _FEW_INTEGERS:
            return self._listed(_steps(low, (high - low) / _FEW_INTEGERS or 1, high), flat)
        bounds: Schema = {"type": "integer"}
        if low > -math.inf:
            bounds["minimum"] = (
                math.floor(low) + 1 if "exclusiveMinimum" in flat else math.ceil(low)
            )
        if high < math.inf:
            bounds["maximum"] = (
                math.ceil(high) - 1 if "exclusiveMaximum" in flat else math.floor(high)
            )
        return bounds if bounds.get("minimum", low) <= bounds.get("maximum", high) else None


def _bounds(flat: Schema) -> tuple[float, float]:
    return (
        max(flat.get("minimum", -math.inf), flat.get("exclusiveMinimum", -math.inf)),
        min(flat.get("maximum", math.inf), flat.get("exclusiveMaximum", math.inf)),
    )


def _steps(first: float, step: float, last: float) -> list[float]:
    values = [round(first + step * number, 6) for number in range(_MOST_VALUES)]
    return [int(value) if value == int(value) else value for value in values if value <= last]


def _most(allowed: int | None, fewest: int, usual: int) -> int | None:
    """How long something may get: as usual, if that is enough and not too much."""
    if fewest > _LONGEST_OF_ALL:
        return None
    enough = max(usual, fewest)
    if allowed is None:
        return enough
    return min(allowed, enough) if allowed >= fewest else None


def _string(flat: Schema) -> Schema | None:
    shortest = flat.get("minLength", 0)
    longest = _most(flat.get("maxLength"), shortest, LONGEST_TEXT)
    if longest is None:
        return None
    pattern = _known(flat["pattern"]) if "pattern" in flat else _FORMATS.get(flat.get("format", ""))
    if pattern is not None:
        return {"type": "string", "pattern": pattern}
    return {"type": "string", "minLength": shortest, "maxLength": longest}


def _known(pattern: str) -> str | None:
    """The pattern as the grammar spells it, if it has only what the grammar knows."""
    for short, spelt in _CLASSES.items():
        pattern = pattern.replace(short, spelt)
    return pattern if _KNOWN_PATTERN.fullmatch(pattern) else None
