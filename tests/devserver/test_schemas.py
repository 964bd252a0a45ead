import pytest

from grayswan_devserver.rules.schemas import Schemas

ROOT = {
    "$defs": {
        "Node": {
            "type": "object",
            "properties": {"next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}},
            "required": ["next"],
        },
        "Alias": {"$ref": "#/$defs/Node", "description": "d"},
        "Loop": {"$ref": "#/$defs/Loop"},
    }
}


@pytest.mark.parametrize(
    ("schema", "value", "fits"),
    [
        ({"type": "integer"}, 1, True),
        ({"type": "integer"}, 1.0, True),
        ({"type": "integer"}, 1.5, False),
        ({"type": "integer"}, True, False),
        ({"type": ["string", "null"]}, None, True),
        ({"enum": [1, "a"]}, True, False),
        ({"const": "a"}, "b", False),
        ({"minimum": 1, "exclusiveMaximum": 2}, 1, True),
        ({"minimum": 1, "exclusiveMaximum": 2}, 2, False),
        ({"multipleOf": 3}, 9, True),
        ({"multipleOf": 3}, 10, False),
        ({"minLength": 2, "maxLength": 3, "pattern": "^a"}, "ab", True),
        ({"minLength": 2, "maxLength": 3, "pattern": "^a"}, "ba", False),
        ({"items": {"type": "string"}, "minItems": 1}, [], False),
        ({"uniqueItems": True}, [1, 1], False),
        ({"uniqueItems": True}, [1, True], True),
        ({"prefixItems": [{"type": "string"}], "items": False}, ["a"], True),
        ({"prefixItems": [{"type": "string"}], "items": False}, ["a", "b"], False),
        ({"properties": {"a": {"type": "string"}}, "required": ["a"]}, {}, False),
        ({"properties": {}, "additionalProperties": False}, {"a": 1}, False),
        ({"additionalProperties": {"type": "integer"}}, {"a": 1}, True),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, 1, True),
        ({"oneOf": [{"type": "number"}, {"type": "integer"}]}, 1, False),
        ({"allOf": [{"minimum": 1}, {"minimum": 3}]}, 2, False),
        ({"$ref": "#/$defs/Alias"}, {"next": {"next": None}}, True),
        ({"$ref": "#/$defs/Alias"}, {"next": {}}, False),
        (True, "anything", True),
        (False, "anything", False),
    ],
)
def test_conforms(schema, value, fits):
    assert Schemas(ROOT).conforms(value, schema) is fits


def test_a_reference_to_itself_or_to_nothing_ends():
    assert Schemas(ROOT).flat({"$ref": "#/$defs/Loop"}) == {}
    assert Schemas(ROOT).flat({"$ref": "#/$defs/Missing"}) == {}


def test_merging_keeps_the_tighter_bound():
    flat = Schemas({}).flat(
        {
            "allOf": [
                {"minimum": 1, "maximum": 9, "required": ["a"], "enum": [1, 2]},
                {"minimum": 3, "maximum": 10, "required": ["b"], "enum": [2, 3]},
            ]
        }
    )
    assert (flat["minimum"], flat["maximum"], flat["enum"]) == (3, 9, [2])
    assert sorted(flat["required"]) == ["a", "b"]
