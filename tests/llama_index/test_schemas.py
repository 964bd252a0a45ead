"""Schemas and descriptions of tools, and objects of every kind of class in every way to get one."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.program.function_program import get_function_tool
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool, ToolMetadata
from pydantic import BaseModel, Field, RootModel

from grayswan_devserver import Answer, Call
from llama_index_grayswan.schemas import callable_by_core, description_of, parameters_of
from llama_index_grayswan.tools import sent_name

pytestmark = pytest.mark.filterwarnings("ignore:The `json` method is deprecated")  # core's own use


class Part(BaseModel):
    """A part, which may have parts."""

    name: str
    parts: list[Part] = []


class Plain(BaseModel):
    number: int


class Tree(RootModel[dict[str, "Tree"]]):
    """A tree of names."""


class Numbers(RootModel[list[int]]):
    """Numbers."""


class OnePlain(RootModel[Plain]):
    """Plain."""


class Colour(BaseModel):
    kind: Literal["colour"]
    name: str


class Size(BaseModel):
    kind: Literal["size"]
    cm: int | None = None


class Item(BaseModel):
    """An item."""

    feature: Annotated[Colour | Size, Field(discriminator="kind")]
    tags: dict[str, list[int]] | None = None
    when: str | None = Field(None, alias="whenIso")


class Names(BaseModel):
    """Names."""

    names: list[str] = Field(default_factory=list)


OBJECTS = [
    pytest.param(Part, {"name": "car", "parts": [{"name": "wheel", "parts": []}]}, id="itself"),
    pytest.param(Plain, {"number": 5}, id="no docstring"),
    pytest.param(Numbers, {"root": [2, 3, 5]}, id="root list"),
    pytest.param(RootModel[list[str]], {"root": ["a"]}, id="bare root"),
    pytest.param(Tree, {"root": {"a": {"b": {}}}}, id="root of itself"),
    pytest.param(OnePlain, {"number": 5}, id="root object"),
    pytest.param(
        Item,
        {"feature": {"kind": "size", "cm": 4}, "tags": {"a": [1]}, "whenIso": "2020"},
        id="unions and aliases",
    ),
    pytest.param(Names, {"names": ["a", "b"]}, id="one field with a default"),
]

PROMPT = PromptTemplate("Say something.")


async def alast(stream):
    return [each async for each in await stream][-1]


WAYS = {
    "predict": lambda llm, cls: llm.structured_predict(cls, PROMPT),
    "apredict": lambda llm, cls: asyncio.run(llm.astructured_predict(cls, PROMPT)),
    "stream": lambda llm, cls: list(llm.stream_structured_predict(cls, PROMPT))[-1],
    "astream": lambda llm, cls: asyncio.run(alast(llm.astream_structured_predict(cls, PROMPT))),
    "llm": lambda llm, cls: llm.as_structured_llm(cls).chat([ChatMessage("x")]).raw,
    "allm": lambda llm, cls: asyncio.run(llm.as_structured_llm(cls).achat([ChatMessage("x")])).raw,
    "stream llm": lambda llm, cls: (
        list(llm.as_structured_llm(cls).stream_chat([ChatMessage("x")]))[-1].raw
    ),
    "complete llm": lambda llm, cls: llm.as_structured_llm(cls).complete("x").raw,
    "acomplete llm": lambda llm, cls: asyncio.run(llm.as_structured_llm(cls).acomplete("x")).raw,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("kind", "given"), OBJECTS)
def test_objects_of_every_kind_come_in_every_way(llm, grayswan_server, way, kind, given):
    """run-llama/llama_index 10401, 21024"""
    name = sent_name(get_function_tool(kind).metadata.get_name())
    grayswan_server.script(Answer(tool_calls=[Call(name, given)]))
    assert WAYS[way](llm, kind) == kind.model_validate(given.get("root", given))
    (tool,) = grayswan_server.last.body["tools"]
    schema = tool["function"]["parameters"]
    assert schema["type"] == "object"
    assert given.keys() <= schema["properties"].keys()
    assert "*args" not in tool["function"]["description"]
    if kind.__doc__ and kind.__name__ in globals():
        assert tool["function"]["description"] == kind.__doc__


@pytest.mark.parametrize("way", WAYS)
def test_structured_output_has_the_models_system_prompt_once(make_llm, grayswan_server, way):
    """run-llama/llama_index 18450"""
    grayswan_server.script(Answer(tool_calls=[Call("Plain", {"number": 5})]))
    WAYS[way](make_llm(system_prompt="Answer {in} French."), Plain)
    system, *others = grayswan_server.last.body["messages"]
    assert system == {"role": "system", "content": "Answer {in} French."}
    assert [message["role"] for message in others] == ["user"]


def test_a_class_that_contains_itself_is_described_by_its_own_definition():
    schema = parameters_of(get_function_tool(Part).metadata)
    assert schema["required"] == ["name"]
    assert schema["properties"]["parts"]["items"] == {"$ref": "#/$defs/Part"}
    assert "Part" in schema["$defs"]


def test_what_is_no_object_is_the_one_property_of_one():
    schema = parameters_of(get_function_tool(Numbers).metadata)
    assert schema["required"] == ["root"]
    assert schema["properties"]["root"]["items"] == {"type": "integer"}
    tree = parameters_of(get_function_tool(Tree).metadata)
    assert tree["$defs"]["Tree"]["additionalProperties"] == {"$ref": "#/$defs/Tree"}


def test_other_schemas_are_those_of_llama_index():
    def add(a: int, b: int = 2) -> int:
        return a + b

    for metadata in (
        FunctionTool.from_defaults(add).metadata,
        get_function_tool(Item).metadata,
        ToolMetadata(description="d", name="n", fn_schema=None),
        ToolMetadata(description="d", name="n"),
    ):
        assert parameters_of(metadata) == metadata.get_parameters_dict()


def test_a_description_of_ones_own_is_kept():
    def run(*args: object, **kwargs: object) -> str:
        """Run it."""
        return ""

    tool = FunctionTool.from_defaults(run)
    assert description_of(tool) == tool.metadata.description
    assert "Run it." in description_of(tool)


def test_tools_that_core_can_call_are_left_as_they_are():
    tools = [get_function_tool(kind) for kind in (Plain, Part)]
    plain, part = callable_by_core(tools)
    assert plain is tools[0]
    assert part is not tools[1]
    assert part.metadata.get_name() == "Part"
    assert "properties" not in tools[1].metadata.get_parameters_dict()


async def test_objects_so_far_of_a_root_class_are_its_instances(llm, grayswan_server):
    grayswan_server.script(Answer(tool_calls=[Call("Numbers", {"root": [2, 3, 5]})]))
    found = list(llm.stream_structured_predict(Numbers, PROMPT))
    assert {type(each) for each in found} == {Numbers}
    assert found[-1].root == [2, 3, 5]


def test_the_schema_of_a_class_is_made_once(monkeypatch):
    class Place(BaseModel):
        city: str

    metadata = ToolMetadata(description="Look.", name="look", fn_schema=Place)
    first = parameters_of(metadata)
    monkeypatch.setattr(Place, "model_json_schema", None)

    assert parameters_of(metadata) == first
    assert first["properties"]["city"]["type"] == "string"
