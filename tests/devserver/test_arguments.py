import datetime as dt
import enum
import json
import uuid
from functools import reduce
from operator import or_
from typing import Annotated, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AnyUrl, BaseModel, ConfigDict, Field, TypeAdapter, create_model

from grayswan_devserver.rules.arguments import fill
from grayswan_devserver.rules.schemas import Schemas

TEXTS = st.sampled_from(
    [
        "",
        "Hello!",
        "Ann is 3 and Bob is 4, red or blue; on 2024-05-06 mail a@b.org",
        "a=1, b: two, c is 'three' and d: true",
        "請問 王小明 在嗎?",
        "{}[](): = 'x' \"y\" -1.5e3 1,000",
    ]
) | st.text(max_size=60)


def _props(**properties):
    return {"type": "object", "properties": properties, "required": list(properties)}


STRING = {"type": "string"}
INTEGER = {"type": "integer"}
BOOLEAN = {"type": "boolean"}


@pytest.mark.parametrize(
    ("schema", "text", "arguments"),
    [
        (_props(a=INTEGER, b=INTEGER), "add 2 and 3", {"a": 2, "b": 3}),
        (_props(a=INTEGER, b=INTEGER), "b=2, a=3", {"a": 3, "b": 2}),
        (_props(unit={"enum": ["c", "fahrenheit"]}), "in Fahrenheit", {"unit": "fahrenheit"}),
        (_props(unit={"enum": ["c", "f"]}), "whatever", {"unit": "c"}),
        (_props(kind={"const": "x"}), "", {"kind": "x"}),
        (_props(loud=BOOLEAN), "make it loud", {"loud": True}),
        (_props(loud=BOOLEAN), "not loud", {"loud": False}),
        (
            _props(numbers={"type": "array", "items": INTEGER}),
            "sum 1, 2 and 3",
            {"numbers": [1, 2, 3]},
        ),
        (_props(tags={"type": "array", "items": STRING}), "tags: a, b", {"tags": ["a", "b"]}),
        (
            _props(at={"type": "object", **_props(x=INTEGER, y=INTEGER)}),
            "at 1 2",
            {"at": {"x": 1, "y": 2}},
        ),
        (_props(v={"type": ["integer", "null"]}), "none", {"v": None}),
        (_props(v={"anyOf": [STRING, INTEGER]}), "5", {"v": 5}),
        (_props(text=STRING), "你好", {"text": "你好"}),
        ({"type": "object", "properties": {}}, "a=1", {}),
        ({"type": "object", "additionalProperties": INTEGER}, "a=1, b=2", {}),
        ({"type": "object", "required": ["a"], "additionalProperties": INTEGER}, "", {"a": 0}),
        (_props(n={**INTEGER, "maximum": 9}), "add 12", {"n": 0}),
        (_props(whole=INTEGER), "1.5 then 2", {"whole": 2}),
        (_props(n=INTEGER), "no 9,007,199,254,740,993", {"n": 9007199254740993}),
        (_props(date=STRING), "date: tomorrow", {"date": "tomorrow"}),
        (_props(n={"type": "number"}), "temperature 0.5", {"n": 0.5}),
        (_props(location=STRING), "weather in New York City?", {"location": "New York City"}),
        (_props(name=STRING), "Greet Ada Lovelace in London", {"name": "Ada Lovelace"}),
        (_props(title=STRING), "Write 'Moby Dick' down", {"title": "Moby Dick"}),
        (_props(email=STRING), "Mail ada@example.org now.", {"email": "ada@example.org"}),
        (
            _props(url=STRING),
            "Open https://example.org/a?b=1.",
            {"url": "https://example.org/a?b=1"},
        ),
        (_props(day={**STRING, "format": "date"}), "on 2024-05-06", {"day": "2024-05-06"}),
        (_props(day={**STRING, "format": "date"}), "some day", {"day": "2024-01-01"}),
        (_props(query=STRING), "Who is Ann?", {"query": "Who is Ann?"}),
        (_props(code={**STRING, "pattern": "^[A-Z]{2}$"}), "see AB please", {"code": "AB"}),
        (
            _props(some={"type": "array", "items": {"enum": ["a", "b", "c"]}}),
            "c and a",
            {"some": ["c", "a"]},
        ),
        (
            _props(ids={"type": "array", "items": INTEGER, "minItems": 3, "uniqueItems": True}),
            "5, 5",
            {"ids": [5, 0, 1]},
        ),
    ],
)
def test_filled(schema, text, arguments):
    assert fill(schema, text) == arguments


def test_an_optional_property_needs_evidence():
    schema = {
        "type": "object",
        "properties": {"location": STRING, "days": {**INTEGER, "default": 1}, "note": STRING},
        "required": ["location"],
    }
    assert fill(schema, "weather in Rome") == {"location": "Rome"}
    assert fill(schema, "weather in Rome for 3 days") == {"location": "Rome", "days": 3}


class _Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int


class _Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    name: str


class _Owner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    pet: Annotated[_Cat | _Dog, Field(discriminator="kind")]


class _Tree(BaseModel):
    value: int
    children: list["_Tree"] = Field(min_length=0)
    parent: "_Tree | None" = None


def test_the_alternative_that_is_mentioned():
    schema = _Owner.model_json_schema()
    assert _Owner.model_validate(fill(schema, "I have a dog named Rex")).pet == _Dog(name="Rex")
    assert _Owner.model_validate(fill(schema, "My cat has 7 lives")).pet == _Cat(lives=7)


def test_a_schema_that_contains_itself():
    _Tree.model_validate(fill(_Tree.model_json_schema(), "value 3"))


def test_as_many_objects_as_are_spoken_of():
    schema = _props(people={"type": "array", "items": _props(name=STRING, age=INTEGER)})
    assert fill(schema, "Ann is 3 and Bob is 4") == {
        "people": [{"name": "Ann", "age": 3}, {"name": "Bob", "age": 4}]
    }


class _Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


def _model(types, *, optional=()):
    fields = {
        name: (kind | None, None) if name in optional else (kind, ...)
        for name, kind in types.items()
    }
    return create_model("Made", __config__=ConfigDict(extra="forbid"), **fields)


# What a tool's author may write, in the library nearly all of them write it in: that it can
# read our arguments back is a check that owes nothing to our own idea of JSON Schema.
LEAVES = st.sampled_from(
    [
        str,
        int,
        float,
        bool,
        dt.date,
        dt.datetime,
        dt.time,
        uuid.UUID,
        AnyUrl,
        _Colour,
        _Cat,
        _Owner,
        Literal["a", "b"],
        Literal[1, "x"],
        Annotated[int, Field(ge=10, lt=20)],
        Annotated[int, Field(gt=-5, multiple_of=3)],
        Annotated[float, Field(gt=0, lt=1)],
        Annotated[str, Field(min_length=3, max_length=5)],
        dict[str, int],
        tuple[int, str],
    ]
)
TYPES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(lambda kind: list[kind]),
        inner.map(lambda kind: Annotated[list[kind], Field(min_length=1, max_length=3)]),
        inner.map(lambda kind: kind | None),
        st.tuples(inner, inner).map(lambda kinds: reduce(or_, kinds)),
        inner.map(lambda kind: dict[str, kind]),
        st.dictionaries(st.sampled_from("abcd"), inner, min_size=1).map(_model),
    ),
    max_leaves=5,
)


def test_a_list_of_dates_takes_no_other_words():
    days = {"type": "array", "items": {"type": "string", "format": "date"}}
    schema = {"type": "object", "properties": {"a": days}, "required": ["a"]}

    assert fill(schema, "a=1, b: two, c is 'three' and d: true") == {"a": []}
    assert fill(schema, "a: 2024-05-06 and 2024-05-07") == {"a": ["2024-05-06", "2024-05-07"]}


@settings(max_examples=150)
@given(
    st.dictionaries(
        st.sampled_from(["name", "location", "count", "query", "items", "flag"]), TYPES
    ),
    st.sets(st.sampled_from(["name", "count", "items"])),
    TEXTS,
)
def test_pydantic_reads_the_arguments_back(types, optional, text):
    model = _model(types, optional=optional)
    schema = model.model_json_schema()
    arguments = fill(schema, text)
    model.model_validate_json(json.dumps(arguments))
    assert Schemas(schema).conforms(arguments, schema)
    assert set(arguments) <= set(types)


SCHEMAS = st.recursive(
    st.sampled_from(
        [
            STRING,
            INTEGER,
            BOOLEAN,
            {"type": "number", "minimum": 1, "maximum": 2},
            {"type": "null"},
            {"enum": ["a", 1, None, True]},
            {"const": {"x": [1]}},
            {"type": "string", "maxLength": 3},
            {"type": "integer", "multipleOf": 7, "minimum": 1},
            {"type": ["string", "null"]},
            {"type": "string", "format": "email"},
            {"$ref": "#/$defs/Shared"},
        ]
    ),
    lambda inner: st.one_of(
        inner.map(lambda item: {"type": "array", "items": item, "minItems": 1}),
        inner.map(lambda item: {"type": "array", "items": item, "maxItems": 1}),
        st.lists(inner, min_size=1, max_size=3).map(lambda options: {"anyOf": options}),
        st.lists(inner, min_size=1, max_size=2).map(
            lambda items: {"type": "array", "prefixItems": items, "minItems": len(items)}
        ),
        st.dictionaries(st.sampled_from(["a", "name", "city"]), inner).map(
            lambda properties: {**_props(**properties), "additionalProperties": False}
        ),
        st.dictionaries(st.sampled_from(["a", "name"]), inner).map(
            lambda properties: {"allOf": [_props(**properties), {"type": "object"}]}
        ),
        inner.map(lambda value: {"type": "object", "additionalProperties": value}),
    ),
    max_leaves=6,
)


@settings(max_examples=150)
@given(
    st.dictionaries(st.sampled_from(["location", "count", "b"]), SCHEMAS),
    st.sets(st.sampled_from(["location", "count", "b"])),
    TEXTS,
)
def test_arguments_conform_and_have_no_other_keys(properties, required, text):
    schema = {
        "$defs": {"Shared": {"type": "string", "minLength": 2}},
        "type": "object",
        "properties": properties,
        "required": sorted(required & set(properties)),
        "additionalProperties": False,
    }
    arguments = fill(schema, text)
    assert Schemas(schema).conforms(arguments, schema)
    json.dumps(arguments, allow_nan=False)


def test_the_oracle_is_awake():
    with pytest.raises(ValueError, match="lives"):
        TypeAdapter(_Owner).validate_python({"pet": {"kind": "cat"}})
