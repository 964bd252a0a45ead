"""Fills the arguments of a call from its JSON Schema and from what was said.

A property gets, in this order: the value the text gives it by name; what in the text is of its
kind (a number, a listed value, an address, a place, a name, words in quotation marks); its
default. A required property that nothing speaks of gets null if it may, else the least its
schema allows, a string the user's own words. An optional one is left out then.

The result conforms to the schema, within what `schemas` understands of it, and has no keys but
the schema's. The one exception is a `pattern` that nothing in the text matches.
"""

from __future__ import annotations

from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Final

from grayswan_devserver.rules.arrays import clauses, find_strings, pad, variants
from grayswan_devserver.rules.evidence import Evidence
from grayswan_devserver.rules.numbers import fit_number
from grayswan_devserver.rules.schemas import Schemas, types_of
from grayswan_devserver.rules.strings import find_string, fit_string

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from grayswan_devserver.rules.schemas import Schema

__all__ = ["fill"]

_ABSENT: Final = object()
_DEEPEST: Final = 12
_TRUE: Final = frozenset({"true", "yes", "on", "1", "enabled"})
_FALSE: Final = frozenset({"false", "no", "off", "0", "disabled"})


def fill(parameters: Schema, text: str, sources: Sequence[str] = ()) -> dict[str, Any]:
    """The arguments of a call.

    Args:
        parameters: the tool's JSON Schema, of type `object`.
        text: the user's words.
        sources: further texts to look in for values.
    """
    evidence = Evidence("\n".join([text, *sources]), fallback=text.strip())
    return _Filler(Schemas(parameters), evidence).object(parameters, 0)


class _Filler:
    """Writes values for the schemas of one document from one text."""

    def __init__(self, schemas: Schemas, evidence: Evidence) -> None:
        self._schemas = schemas
        self._evidence = evidence

    def object(self, schema: Any, depth: int) -> dict[str, Any]:
        flat = self._schemas.flat(schema)
        flat = next(self._branches(flat), flat)
        required = list(flat.get("required", ()))
        properties = flat.get("properties", {})
        filled: dict[str, Any] = {}
        # The required ones choose first: what they leave in the text is for the optional ones.
        for name in sorted(properties, key=lambda name: name not in required):
            value = self.value(name, properties[name], depth + 1, must=name in required)
            if value is not _ABSENT:
                filled[name] = value
        return {name: filled[name] for name in properties if name in filled} | self._more(
            flat, depth
        )

    def value(self, name: str, schema: Any, depth: int, *, must: bool) -> Any:
        """The value of a property, `_ABSENT` for one that is to be left out."""
        before = list(self._evidence.used)
        found = self._found(name, schema, depth, must=must)
        if found is not _ABSENT and self._schemas.conforms(found, schema):
            return found
        self._evidence.used = before
        return self._least(name, schema, depth) if must else _ABSENT

    def pair(self, name: str, schema: Any, depth: int) -> Any:
        """The whole text as one value: read as what the schema asks for, or as a string."""
        value = self.value(name, schema, depth, must=True)
        spoken_of = bool(self._evidence.used) or isinstance(value, str)
        return value if spoken_of and self._schemas.conforms(value, schema) else _ABSENT

    def _more(self, flat: Schema, depth: int) -> dict[str, Any]:
        """Keys that the schema does not list but asks for, or takes in any number."""
        known, rest = flat.get("properties", {}), flat.get("additionalProperties", True)
        more = {
            name: self._least(name, rest, depth + 1)
            for name in flat.get("required", ())
            if name not in known
        }
        if not known and isinstance(rest, dict):
            for name, text in self._evidence.pairs().items():
                value = _Filler(self._schemas, Evidence(text, text)).pair(name, rest, depth + 1)
                if value is not _ABSENT:
                    more[name] = value
        while len(known) + len(more) < flat.get("minProperties", 0) and not known:
            more[f"key{len(more) + 1}"] = self._least("", rest, depth + 1)
        return more

    def _branches(self, flat: Schema) -> Iterator[Schema]:
        """The alternatives of a schema, those first that the text speaks of, null last."""
        branches = flat.get("anyOf") or flat.get("oneOf") or ()
        siblings = {key: flat[key] for key in flat if key not in {"anyOf", "oneOf", "default"}}
        merged = [self._schemas.flat({**siblings, "allOf": [branch]}) for branch in branches]
        merged.sort(key=lambda branch: (types_of(branch) == ["null"], not self._spoken_of(branch)))
        return iter(merged)

    def _spoken_of(self, branch: Schema) -> bool:
        tags = [branch.get("title", ""), branch.get("const", "")]
        properties = branch.get("properties", {}).values()
        tags.extend(self._schemas.flat(part).get("const", "") for part in properties)
        return any(self._evidence.mentioned(tag for tag in tags if isinstance(tag, str)))

    # --- what the text says ---------------------------------------------------------------

    def _found(self, name: str, schema: Any, depth: int, *, must: bool) -> Any:
        """What the text says of a property; `_ABSENT` if nothing."""
        flat = self._schemas.flat(schema)
        if "const" in flat:
            return flat["const"]
        if depth > _DEEPEST:
            return _ABSENT
        if "enum" in flat:
            return self._listed(name, flat)
        if "anyOf" in flat or "oneOf" in flat:
            found = (
                self._found(name, branch, depth + 1, must=must) for branch in self._branches(flat)
            )
        else:
            found = (self._of_type(kind, name, flat, depth, must=must) for kind in types_of(flat))
        fits = (value for value in found if value is not _ABSENT)
        return next((value for value in fits if self._schemas.conforms(value, schema)), _ABSENT)

    def _of_type(self, kind: str, name: str, flat: Schema, depth: int, *, must: bool) -> Any:
        if kind in {"integer", "number"}:
            return self._number(name, flat, whole=kind == "integer")
        if kind == "string":
            found = find_string(name, flat, self._evidence, must=must)
            return _ABSENT if found is None else fit_string(found, flat)
        if kind == "boolean":
            return self._boolean(name)
        if kind == "array":
            return self._array(name, flat, depth, must=must)
        if kind == "object":
            return self._nested(flat, depth, must=must)
        return _ABSENT

    def _listed(self, name: str, flat: Schema) -> Any:
        by_text = {str(value): value for value in flat["enum"]}
        labelled = self._evidence.labelled(name)
        if labelled is not None:
            for text, value in by_text.items():
                if text.lower() == labelled.lower():
                    return value
        mentioned = next(self._evidence.mentioned(by_text), None)
        return _ABSENT if mentioned is None else by_text[mentioned]

    def _number(self, name: str, flat: Schema, *, whole: bool) -> Any:
        labelled = self._evidence.labelled(name)
        found = None
        if labelled is not None:
            found = Evidence(labelled).number(whole=whole)
        if found is None:
            found = self._evidence.number(whole=whole)
        return _ABSENT if found is None else fit_number(found, flat, whole=whole)

    def _boolean(self, name: str) -> Any:
        labelled = (self._evidence.labelled(name) or "").lower()
        if labelled in _TRUE | _FALSE:
            return labelled in _TRUE
        mentioned = self._evidence.mentions(name)
        return _ABSENT if mentioned is None else mentioned

    def _array(self, name: str, flat: Schema, depth: int, *, must: bool) -> Any:
        if "prefixItems" in flat:
            before = len(self._evidence.used)
            items = [self.value(name, item, depth + 1, must=True) for item in flat["prefixItems"]]
            return items if must or len(self._evidence.used) > before else _ABSENT
        item = self._schemas.flat(flat.get("items", {}))
        found = [
            value
            for value in self._items(name, item, depth, must=must)
            if self._schemas.conforms(value, item)
        ]
        return self._padded(name, found, flat, depth) if found else _ABSENT

    def _items(self, name: str, item: Schema, depth: int, *, must: bool) -> list[Any]:
        if "enum" in item:
            by_text = {str(value): value for value in item["enum"]}
            return [by_text[text] for text in self._evidence.mentioned(by_text)]
        kinds = types_of(item)
        if "integer" in kinds or "number" in kinds:
            numbers = self._evidence.numbers(whole="number" not in kinds)
            return [fit_number(n, item, whole="number" not in kinds) for n in numbers]
        if "string" in kinds:
            strings = find_strings(name, self._evidence, must=must)
            return [fit_string(text, item) for text in strings]
        if "object" in kinds:
            return self._objects(item, depth)
        return []

    def _objects(self, item: Schema, depth: int) -> list[Any]:
        """One object for each clause of the text that speaks of everything it requires."""
        objects = []
        for clause in clauses(self._evidence.text):
            filler = _Filler(self._schemas, Evidence(clause))
            properties = item.get("properties", {})
            if not all(
                filler._found(name, properties.get(name), depth + 1, must=True) is not _ABSENT
                for name in item.get("required", ())
            ):
                continue
            objects.append(_Filler(self._schemas, Evidence(clause)).object(item, depth + 1))
        return objects or [self.object(item, depth + 1)]

    def _nested(self, flat: Schema, depth: int, *, must: bool) -> Any:
        before = len(self._evidence.used)
        nested = self.object(flat, depth + 1)
        return nested if must or len(self._evidence.used) > before else _ABSENT

    # --- where the text says nothing --------------------------------------------------------

    def _least(self, name: str, schema: Any, depth: int) -> Any:
        """The default, null, or the simplest value that a schema allows."""
        flat = self._schemas.flat(schema)
        candidates = (
            value
            for value in self._simple(name, flat, depth)
            if self._schemas.conforms(value, schema)
        )
        return next(candidates, None)

    def _simple(self, name: str, flat: Schema, depth: int) -> Iterator[Any]:
        if "default" in flat:
            yield flat["default"]
        if "const" in flat:
            yield flat["const"]
        yield from flat.get("enum", ())
        yield None
        if depth > 2 * _DEEPEST:
            return
        for branch in self._branches(flat):
            yield from self._simple(name, branch, depth + 1)
        for kind in types_of(flat) or ["string"]:
            yield self._simplest(kind, name, flat, depth)

    def _simplest(self, kind: str, name: str, flat: Schema, depth: int) -> Any:
        if kind in {"integer", "number"}:
            return fit_number(0, flat, whole=kind == "integer")
        if kind == "boolean":
            return False
        if kind == "string":
            return fit_string(self._evidence.fallback, flat)
        if kind == "array":
            first = [self._least(name, item, depth + 1) for item in flat.get("prefixItems", ())]
            return self._padded(name, first, flat, depth)
        return self.object(flat, depth + 1) if kind == "object" else None

    def _padded(self, name: str, items: list[Any], flat: Schema, depth: int) -> list[Any]:
        item = flat.get("items", {})
        if len(items) >= flat.get("minItems", 0) and not flat.get("uniqueItems"):
            fillers: Iterable[Any] = ()
        else:
            least = self._least(name, item, depth + 1)
            listed = self._schemas.flat(item).get("enum", ())
            fillers = chain(listed, variants(least)) if flat.get("uniqueItems") else repeat(least)
        return pad(items, flat, fillers, lambda value: self._schemas.conforms(value, item))
