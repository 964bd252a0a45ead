"""Fills the arguments of a call from its JSON Schema and from what was said.

A property gets, in this order: the value the text gives it by name; what in the text is of its
type (a number, a listed value, words in quotation marks, a name); its default. A required
property that nothing speaks of gets null if it may, else the least its schema allows, a string
the user's own words. An optional one is left out then.

The result conforms to the schema, within what `schemas` understands of it, and has no keys but
the schema's. The one exception is a `pattern` that no word in the text matches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from grayswan_devserver.rules.evidence import NUMBER, Evidence
from grayswan_devserver.rules.least import FORMATS, fitted, numbers, variant
from grayswan_devserver.rules.schemas import Schemas, types_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grayswan_devserver.rules.schemas import Schema

__all__ = ["fill"]

_ABSENT: Final = object()
_DEEPEST: Final = 12
_MOST_ITEMS: Final = 100
_TRUE: Final = frozenset({"true", "yes", "on", "1", "enabled"})
_FALSE: Final = frozenset({"false", "no", "off", "0", "disabled"})
# Such properties are filled with words, not with a name that the words happen to hold.
_OWN_WORDS: Final = frozenset({"query", "question", "input", "text", "prompt", "message"})


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
            value = self._value(name, properties[name], depth + 1, must=name in required)
            if value is not _ABSENT:
                filled[name] = value
        unlisted = [name for name in required if name not in properties]
        few = flat.get("minProperties", 0) - len(filled) - len(unlisted)
        for name in (*unlisted, *(f"key{number}" for number in range(few))):
            filled[name] = self._least(flat.get("additionalProperties", True), depth + 1)
        return {name: filled[name] for name in {**properties, **filled} if name in filled}

    def _value(self, name: str, schema: Any, depth: int, *, must: bool) -> Any:
        found = self._found(name, schema, depth, must=must)
        return self._least(schema, depth) if found is _ABSENT and must else found

    def _branches(self, flat: Schema) -> Iterator[Schema]:
        """The alternatives of a schema, those first that the text speaks of, null last."""
        branches = flat.get("anyOf") or flat.get("oneOf") or ()
        siblings = {key: flat[key] for key in flat if key not in {"anyOf", "oneOf", "default"}}
        merged = [self._schemas.flat({**siblings, "allOf": [branch]}) for branch in branches]
        merged.sort(key=lambda branch: (types_of(branch) == ["null"], not self._named(branch)))
        return iter(merged)

    def _named(self, branch: Schema) -> bool:
        """Whether the text mentions what tells an alternative from the others."""
        parts = [self._schemas.flat(part) for part in branch.get("properties", {}).values()]
        tags = [part["const"] for part in parts if isinstance(part.get("const"), str)]
        return any(self._evidence.mentions(tag) for tag in tags)

    # --- what the text says ---------------------------------------------------------------

    def _found(self, name: str, schema: Any, depth: int, *, must: bool) -> Any:
        """What the text says of a property; `_ABSENT` if nothing."""
        flat = self._schemas.flat(schema)
        if "const" in flat:
            return flat["const"]
        if depth > _DEEPEST:
            return _ABSENT
        if "enum" in flat:
            candidates = iter([self._listed(name, flat)])
        elif "anyOf" in flat or "oneOf" in flat:
            candidates = (
                self._found(name, branch, depth + 1, must=must) for branch in self._branches(flat)
            )
        else:
            candidates = (
                self._of_type(kind, name, flat, depth, must=must) for kind in types_of(flat)
            )
        fits = (value for value in candidates if value is not _ABSENT)
        return next((value for value in fits if self._schemas.conforms(value, schema)), _ABSENT)

    def _of_type(self, kind: str, name: str, flat: Schema, depth: int, *, must: bool) -> Any:
        if kind in {"integer", "number"}:
            return self._number(name, whole=kind == "integer")
        if kind == "string":
            found = self._string(name, flat, must=must)
            return _ABSENT if found is None else fitted(found, flat)
        if kind == "boolean":
            return self._boolean(name)
        if kind not in {"array", "object"}:
            return _ABSENT
        before = len(self._evidence.used)
        value = (
            self._array(name, flat, depth, must=must)
            if kind == "array"
            else self.object(flat, depth + 1)
        )
        return value if len(self._evidence.used) > before else _ABSENT

    def _listed(self, name: str, flat: Schema) -> Any:
        by_text = {str(value): value for value in flat["enum"]}
        labelled = Evidence(self._evidence.labelled(name) or "")
        mentioned = labelled.mentioned(by_text) or self._evidence.mentioned(by_text)
        return _ABSENT if mentioned is None else by_text[mentioned]

    def _number(self, name: str, *, whole: bool) -> Any:
        labelled = Evidence(self._evidence.labelled(name) or "")
        while (found := labelled.take(NUMBER) or self._evidence.take(NUMBER)) is not None:
            plain = found.replace(",", "")
            value = float(plain) if "." in plain else int(plain)
            if value == int(value):
                return int(value)
            if not whole:
                return value
        return _ABSENT

    def _boolean(self, name: str) -> Any:
        labelled = (self._evidence.labelled(name) or "").lower()
        if labelled in _TRUE | _FALSE:
            return labelled in _TRUE
        mentioned = self._evidence.mentions(name)
        return _ABSENT if mentioned is None else mentioned

    def _string(self, name: str, flat: Schema, *, must: bool) -> str | None:
        form = flat.get("format", name)
        found = self._evidence.take(FORMATS[form][0]) if form in FORMATS else None
        if found is not None or flat.get("format") in FORMATS:
            return found
        found = self._evidence.labelled(name) or self._evidence.quoted()
        return self._evidence.name() if not found and must and name not in _OWN_WORDS else found

    def _array(self, name: str, flat: Schema, depth: int, *, must: bool) -> list[Any]:
        if "prefixItems" in flat:
            return [self._value(name, item, depth + 1, must=True) for item in flat["prefixItems"]]
        item = flat.get("items", {})
        kind = self._schemas.flat(item)
        is_text = "string" in types_of(kind) and "format" not in kind
        listed = self._evidence.listed(name) if is_text else []
        found = [value for value in listed if self._schemas.conforms(value, item)]
        while not listed and len(found) < _MOST_ITEMS:
            before = len(self._evidence.used)
            value = self._found(name, item, depth + 1, must=must)
            if value is _ABSENT or len(self._evidence.used) == before:
                break
            found.append(value)
        return self._sized(found, flat, depth)

    # --- where the text says nothing --------------------------------------------------------

    def _least(self, schema: Any, depth: int) -> Any:
        """The default, null, or the simplest value that a schema allows."""
        flat = self._schemas.flat(schema)
        values = (v for v in self._simple(flat, depth) if self._schemas.conforms(v, schema))
        return next(values, None)

    def _simple(self, flat: Schema, depth: int) -> Iterator[Any]:
        yield from (flat[key] for key in ("default", "const") if key in flat)
        yield from flat.get("enum", ())
        yield None
        if depth > 2 * _DEEPEST:
            return
        for branch in self._branches(flat):
            yield from self._simple(branch, depth + 1)
        for kind in types_of(flat) or ["string"]:
            yield from self._simplest(kind, flat, depth)

    def _simplest(self, kind: str, flat: Schema, depth: int) -> Iterator[Any]:
        if kind in {"integer", "number"}:
            yield from numbers(flat)
        elif kind == "boolean":
            yield False
        elif kind == "string":
            text = self._evidence.fallback
            yield from (fitted(part, flat) for part in (text, *text.split()))
        elif kind == "array":
            first = [self._least(item, depth + 1) for item in flat.get("prefixItems", ())]
            yield self._sized(first, flat, depth)
        elif kind == "object":
            yield self.object(flat, depth + 1)

    def _sized(self, items: list[Any], flat: Schema, depth: int) -> list[Any]:
        """The items, without repeats if so asked, of the number that a schema allows."""
        item, least = flat.get("items", {}), flat.get("minItems", 0)
        unique = bool(flat.get("uniqueItems"))
        kept = [each for i, each in enumerate(items) if not (unique and each in items[:i])]
        if len(kept) < least:
            spare = self._least(item, depth + 1)
            more = [*self._schemas.flat(item).get("enum", ())]
            more += [variant(spare, number) if unique else spare for number in range(2 * least)]
            fits = [each for each in more if self._schemas.conforms(each, item)]
            for each in fits:
                if len(kept) < least and not (unique and each in kept):
                    kept.append(each)
        return kept[: flat.get("maxItems", len(kept))]
