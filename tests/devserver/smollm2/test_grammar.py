import pytest

from grayswan_devserver import UnfitRequestError
from grayswan_devserver.smollm2.grammar import LONGEST_LIST, LONGEST_TEXT, narrowed

TEXT = {"type": "string", "minLength": 0, "maxLength": LONGEST_TEXT}


def property_of(schema, **root):
    """What becomes of the schema of a required property."""
    document = {"type": "object", "properties": {"p": schema}, "required": ["p"], **root}
    return narrowed(document)["properties"]["p"]


@pytest.mark.parametrize(
    ("schema", "narrow"),
    [
        ({"type": "string"}, TEXT),
        ({}, TEXT),
        ({"type": "string", "minLength": 300}, {**TEXT, "minLength": 300, "maxLength": 300}),
        ({"type": "boolean", "title": "Sure?", "default": True}, {"type": "boolean"}),
        ({"enum": ["a", None, 3]}, {"enum": ["a", None, 3]}),
        ({"type": "string", "enum": ["a", 3]}, {"enum": ["a"]}),
        ({"const": "x"}, {"enum": ["x"]}),
        ({"type": ["string", "null"]}, {"anyOf": [TEXT, {"type": "null"}]}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"anyOf": [TEXT, {"type": "null"}]}),
        ({"oneOf": [{"type": "boolean"}, False]}, {"type": "boolean"}),
        ({"allOf": [{"type": "string"}, {"maxLength": 3}]}, {**TEXT, "maxLength": 3}),
        ({"type": "integer"}, {"type": "integer"}),
        ({"type": "number"}, {"type": "number"}),
        ({"type": "integer", "minimum": -(10**30), "maximum": 10**30}, {"type": "integer"}),
        (
            {"type": "integer", "minimum": 1, "exclusiveMaximum": 9},
            {"type": "integer", "minimum": 1, "maximum": 8},
        ),
        ({"type": "number", "minimum": 0.5}, {"type": "integer", "minimum": 1}),
        (
            {"type": "number", "minimum": 0, "maximum": 1},
            {"enum": [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]},
        ),
        ({"type": "integer", "multipleOf": 5, "minimum": 7, "maximum": 16}, {"enum": [10, 15]}),
        ({"type": "string", "pattern": r"^\d{3}-[A-Z]{2}$"}, None),
        (
            {"type": "array", "items": {"type": "boolean"}},
            {
                "type": "array",
                "items": {"type": "boolean"},
                "minItems": 0,
                "maxItems": LONGEST_LIST,
            },
        ),
        (
            {"type": "array", "items": {"type": "boolean"}, "uniqueItems": True},
            {"type": "array", "items": {"type": "boolean"}, "minItems": 0, "maxItems": 1},
        ),
        (
            {"type": "array", "prefixItems": [{"type": "boolean"}, {"type": "null"}]},
            {"type": "array", "prefixItems": [{"type": "boolean"}, {"type": "null"}]},
        ),
        (
            {"type": "object", "additionalProperties": {"type": "integer"}},
            {
                "type": "object",
                "properties": {},
                "required": [],
                "additionalProperties": {"type": "integer"},
            },
        ),
    ],
)
def test_narrows(schema, narrow):
    if narrow is None:
        narrow = {"type": "string", "pattern": "^[0-9]{3}-[A-Z]{2}$"}
    assert property_of(schema) == narrow


@pytest.mark.parametrize("pattern", ["abc", "^(?=a)[a-z]+$", r"^\b$", "^[A-Z$"])
def test_a_pattern_that_the_grammar_does_not_know_is_left_to_the_check(pattern):
    assert property_of({"type": "string", "pattern": pattern}) == TEXT


@pytest.mark.parametrize(
    "form", ["date", "time", "date-time", "duration", "email", "uri", "uuid", "ipv4"]
)
def test_a_known_format_becomes_a_pattern(form):
    assert property_of({"type": "string", "format": form}).keys() == {"type", "pattern"}


def test_references_are_written_out():
    definitions = {"Side": {"enum": ["left", "right"]}}
    assert property_of({"$ref": "#/$defs/Side"}, **{"$defs": definitions}) == {
        "enum": ["left", "right"]
    }


def test_what_refers_to_itself_comes_to_an_end():
    node = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "parts": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
        },
        "required": ["name", "parts"],
    }
    narrow = narrowed({"$ref": "#/$defs/Node", "$defs": {"Node": node}})
    depth = 0
    while "items" in narrow.get("properties", {}).get("parts", {}):
        narrow = narrow["properties"]["parts"]["items"]
        depth += 1
    assert depth == 2
    assert narrow["properties"]["parts"] == {"enum": [[]]}


def test_an_optional_property_that_nothing_fits_is_left_out():
    document = {"type": "object", "properties": {"p": {"type": "string", "maxLength": -1}}}
    assert narrowed(document)["properties"] == {}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "minLength": 5, "maxLength": 3},
        {"type": "integer", "minimum": 5, "maximum": 3},
        {"type": "number", "minimum": 5, "maximum": 3},
        {"type": "array", "minItems": 3, "maxItems": 2},
        {"type": "string", "enum": [1]},
        {"type": "string", "minLength": 1001},
        {"type": "integer", "minimum": 10**16},
        {"type": "integer", "maximum": -(10**16)},
        {"not": {"type": "string"}},
        {"type": "object", "if": {}, "then": {}},
        False,
    ],
)
def test_a_schema_that_cannot_be_held_to_is_refused(schema):
    with pytest.raises(UnfitRequestError) as caught:
        property_of(schema)
    assert caught.value.code == "unsupported_schema"


def test_a_schema_without_end_is_refused():
    many = {f"p{number}": {"$ref": "#"} for number in range(12)}
    with pytest.raises(UnfitRequestError, match="held to"):
        narrowed({"type": "object", "properties": many, "required": list(many)})


@pytest.mark.parametrize(
    ("schema", "longest"),
    [
        ({"type": "string", "maxLength": 9000}, LONGEST_TEXT),
        ({"type": "array", "items": {}, "maxItems": 9000}, LONGEST_LIST),
        ({"type": "array", "items": {}, "minItems": 20}, 20),
        ({"type": "array", "items": {}, "minItems": 2, "uniqueItems": True}, 2),
    ],
)
def test_nothing_gets_longer_than_it_has_to(schema, longest):
    narrow = property_of(schema)
    assert longest == narrow.get("maxLength", narrow.get("maxItems"))
