from __future__ import annotations

import dataclasses
import functools
import json
import re
from typing import Annotated

import pytest
from langchain_core.runnables import RunnableBinding, RunnableLambda
from langchain_core.tools import StructuredTool, tool
from pydantic import BaseModel, Field, RootModel
from pydantic.v1 import BaseModel as BaseModelV1
from typing_extensions import TypedDict

from grayswan_core import InvalidRequestError
from grayswan_devserver import Answer, Call
from langchain_grayswan.errors import ToolCallMissingError
from langchain_grayswan.tools import wire_tool, wire_tools

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer", "description": "A number."}},
    "required": ["a"],
}


def double(a: Annotated[int, "A number."]) -> int:
    """Double a number."""
    return 2 * a


@tool
def double_tool(a: Annotated[int, "A number."]) -> int:
    """Double a number."""
    return 2 * a


class Double(BaseModel):
    """Double a number."""

    a: int = Field(description="A number.")


class DoubleV1(BaseModelV1):
    """Double a number."""

    a: int


class DoubleDict(TypedDict):
    """Double a number."""

    a: Annotated[int, ..., "A number."]


def parameters(described: dict) -> dict:
    return described["function"]["parameters"]


@pytest.mark.parametrize(
    "given",
    [
        double,
        double_tool,
        Double,
        DoubleDict,
        {"name": "double", "description": "Double a number.", "parameters": SCHEMA},
        {"title": "double", "description": "Double a number.", **SCHEMA},
        {"name": "double", "description": "Double a number.", "input_schema": SCHEMA},
        {"type": "custom", "name": "double", "description": "Double a number.",
         "input_schema": SCHEMA},
        {"type": "function", "name": "double", "description": "Double a number.",
         "parameters": SCHEMA, "strict": True},
        {"type": "function", "function": {"name": "double", "description": "Double a number.",
                                          "parameters": SCHEMA, "strict": True}},
    ],
    ids=lambda given: getattr(given, "__name__", None) or str(given)[:40],
)  # fmt: skip
def test_every_kind_of_tool_is_described(given):
    described = wire_tool(given)

    assert set(described) == {"type", "function"}
    assert set(described["function"]) == {"name", "description", "parameters"}
    assert described["function"]["description"] == "Double a number."
    assert parameters(described)["properties"]["a"]["type"] == "integer"
    assert parameters(described)["required"] == ["a"]
    assert wire_tool(described) == described


@pytest.mark.filterwarnings("ignore:.*Pydantic V1.*:UserWarning")
def test_a_pydantic_v1_class_is_described():
    assert list(parameters(wire_tool(DoubleV1))["properties"]) == ["a"]


def test_a_runnable_is_described():
    def twice(given):
        return 2 * given["a"]

    described = wire_tool(RunnableLambda(twice).with_types(input_type=Double))

    assert described["function"]["name"] == "twice"
    assert list(parameters(described)["properties"]) == ["a"]


def test_a_tool_without_arguments_or_description_has_both_fields():
    described = wire_tool({"name": "now"})

    assert described["function"] == {
        "name": "now",
        "description": "",
        "parameters": {"type": "object", "properties": {}},
    }


@pytest.mark.parametrize(
    "given",
    [{"type": "web_search_20250305", "name": "web_search"}, {"type": "code_interpreter"}],
)
def test_tools_of_other_services_are_refused_by_name(given):
    with pytest.raises(InvalidRequestError, match=given["type"]):
        wire_tools([given])


class Node(BaseModel):
    """A node of a tree."""

    value: int
    children: list[Node] = []


class Branch(BaseModel):
    """A part of a tree, with a name."""

    name: str
    node: Node


def plant(root: Node) -> None:
    """Plant a tree.

    Args:
        root: Where it begins.
    """


@tool
def plant_tool(root: Node) -> None:
    """Plant a tree."""


class NodeV1(BaseModelV1):
    """A node of a tree."""

    value: int
    children: list[NodeV1] = []


@dataclasses.dataclass
class NodeData:
    """A node of a tree."""

    value: int
    children: list[NodeData]


def of_a_server(reference, **more):
    """A tool as adapters make it of a tool server's schema, in any of the forms that these have."""
    children = {"type": "array", "items": {"$ref": reference}}
    node = {"type": "object", "properties": {"value": {"type": "integer"}, "children": children}}
    if reference == "#":
        schema = {"title": "plant", **node}
    elif reference.startswith("#/properties"):
        schema = {"title": "plant", "type": "object", "properties": {"root": node}, **more}
    else:
        (holder,) = more
        schema = {"$ref": reference, holder: {"Node": node}}
    return StructuredTool(
        name="plant", description="Plant a tree.", args_schema=schema, func=lambda: None
    )


RECURSIVE = {
    "model": Node,
    "model in a model": Branch,
    "function": plant,
    "tool": plant_tool,
    "pydantic v1": NodeV1,
    "dataclass": NodeData,
    "$defs": of_a_server("#/$defs/Node", **{"$defs": {}}),
    "definitions": of_a_server("#/definitions/Node", definitions={}),
    "the whole": of_a_server("#"),
    "a path": of_a_server("#/properties/root"),
    "a path into a list": of_a_server(
        "#/properties/other/anyOf/0",
        properties={
            "other": {
                "anyOf": [{"properties": {"children": {"$ref": "#/properties/other/anyOf/0"}}}]
            }
        },
    ),
}


@pytest.mark.filterwarnings("ignore:.*Pydantic V1.*:UserWarning")
@pytest.mark.parametrize("given", RECURSIVE.values(), ids=RECURSIVE)
def test_a_schema_that_contains_itself_keeps_its_references(given):
    """langchain-google #24225: the children of a tree become a list of anything."""
    sent = parameters(wire_tool(given))

    assert sent["type"] == "object"
    assert sent["properties"]
    assert "$ref" not in sent
    (reference,) = {each for each in references_in(sent) if "Branch" not in each}
    target = sent
    for part in reference.split("/")[1:]:
        target = target[int(part)] if isinstance(target, list) else target[part]
    assert "children" in target["properties"]
    assert reference in references_in(target)
    assert "{}" not in json.dumps(sent)
    assert wire_tool(wire_tool(given)) == wire_tool(given)


def references_in(schema):
    return re.findall(r'"\$ref": "([^"]+)"', json.dumps(schema))


@pytest.mark.parametrize("given", [Node, NodeData], ids=["model", "dataclass"])
def test_an_object_of_a_class_that_contains_itself_is_read(model, server, given):
    leaf = {"value": 2, "children": []}
    server.script(Answer(tool_calls=[Call(given.__name__, {"value": 1, "children": [leaf]})]))
    read = model.with_structured_output(given).invoke("Plant")

    assert read in (Node(value=1, children=[Node(value=2)]), {"value": 1, "children": [leaf]})


@pytest.mark.parametrize(
    "given", [RootModel[list[int]], {"name": "numbers", "parameters": {"type": "array"}}]
)
def test_what_is_no_object_is_refused_with_advice(given):
    with pytest.raises(InvalidRequestError, match=r"'array'. Make that a field of a class"):
        wire_tool(given)


def test_a_schema_without_circles_is_written_out():
    class Pair(BaseModel):
        """Two doubles."""

        one: Double
        other: Double

    sent = parameters(wire_tool(Pair))
    assert "$defs" not in sent
    assert sent["properties"]["one"]["properties"]["a"]["type"] == "integer"


def test_a_partial_function_is_refused_with_advice():
    """It has no name; LangChain cannot run it as a tool either."""
    with pytest.raises(InvalidRequestError, match=r"described.*Pass a function with a name"):
        wire_tool(functools.partial(double, 1))


class NoTool:
    def __call__(self):
        raise AssertionError

    def __getattr__(self, name):
        raise RuntimeError(name)


@pytest.mark.parametrize(
    "given",
    [3, None, "double", [], NoTool(), b"", {"type": "object", "properties": {}}, {}],
    ids=lambda given: type(given).__name__,
)
def test_what_cannot_be_described_is_refused(given):
    with pytest.raises(InvalidRequestError, match="cannot be described"):
        wire_tool(given)


class TestBindTools:
    @pytest.mark.parametrize("how", ["invoke", "stream"])
    def test_the_usage_of_a_required_call_is_that_of_all_tries(self, model, server, how):
        """langchain #30429, langgraph #4848."""
        server.script(Answer("No"), Answer("Nope"), Answer(tool_calls=[Call("Double", {"a": 1})]))
        bound = model.bind_tools([double_tool, Double], tool_choice="any")
        if how == "invoke":
            usage = bound.invoke("Double 1").usage_metadata
        else:
            first, *rest = bound.stream("Double 1")
            usage = (first + rest).usage_metadata

        tries = []
        for request in server.requests:
            messages = [(each["role"], each["content"]) for each in request.body["messages"]]
            server.script(Answer("No" if len(tries) == 0 else "Nope"))
            alone = model.bind_tools([double_tool, Double]).invoke(messages)
            tries.append(alone.usage_metadata["input_tokens"])
        assert usage["input_tokens"] == sum(tries)
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]

    def test_gives_a_binding_that_json_can_hold(self, model):
        bound = model.bind_tools([double_tool, Double], tool_choice="double_tool", temperature=0)

        assert isinstance(bound, RunnableBinding)
        assert bound.kwargs == {
            "tools": wire_tools([double_tool, Double]),
            "tool_choice": "double_tool",
            "temperature": 0,
        }

    @pytest.mark.parametrize(
        ("choice", "sent"),
        [
            (None, None),
            (False, None),
            ("auto", "auto"),
            ("none", "none"),
            ("double_tool", {"type": "function", "function": {"name": "double_tool"}}),
            (
                {"type": "function", "function": {"name": "Double"}},
                {"type": "function", "function": {"name": "Double"}},
            ),
            (
                {"type": "tool", "name": "Double"},
                {"type": "function", "function": {"name": "Double"}},
            ),
        ],
    )
    def test_choices_the_service_knows_are_sent(self, model, server, choice, sent):
        model.bind_tools([double_tool, Double], tool_choice=choice).invoke("Hello")

        assert server.last.body.get("tool_choice") == sent

    @pytest.mark.parametrize("choice", ["any", "required", True])
    def test_some_tool_of_one_is_that_one_by_name(self, model, server, choice):
        answer = model.bind_tools([double_tool], tool_choice=choice).invoke("Double 4")

        assert server.last.body["tool_choice"]["function"]["name"] == "double_tool"
        assert [(c["name"], c["args"]) for c in answer.tool_calls] == [("double_tool", {"a": 4})]

    @pytest.mark.parametrize("choice", ["any", "required", True])
    def test_some_tool_of_several_is_asked_for_again(self, model, server, choice):
        server.script(Answer("I would rather talk."), Answer(tool_calls=[Call("Double", {"a": 4})]))

        answer = model.bind_tools([double_tool, Double], tool_choice=choice).invoke("Double 4")

        assert [c["name"] for c in answer.tool_calls] == ["Double"]
        assert len(server.requests) == 2
        assert server.last.body["messages"][-2]["content"] == "I would rather talk."

    async def test_some_tool_of_several_in_a_stream(self, model, server):
        bound = model.bind_tools([double_tool, Double], tool_choice="any")
        for _ in range(2):
            server.script(Answer("Hmm."), Answer(tool_calls=[Call("Double", {"a": 4})]))

        chunks = list(bound.stream("Double 4"))
        achunks = [chunk async for chunk in bound.astream("Double 4")]

        for whole in (chunks[0] + chunks[1:], achunks[0] + achunks[1:]):
            assert [(c["name"], c["args"]) for c in whole.tool_calls] == [("Double", {"a": 4})]
            assert whole.content == ""

    def test_no_call_after_several_tries_is_an_error(self, model, server):
        server.script(*[Answer("No.")] * 3)

        with pytest.raises(ToolCallMissingError, match="asked 3 times") as caught:
            model.bind_tools([double_tool, Double], tool_choice="any").invoke("Double 4")

        assert caught.value.partial_text == "No."
        assert len(server.requests) == 3

    def test_a_choice_that_is_no_tool_is_refused_when_binding(self, model):
        with pytest.raises(InvalidRequestError, match="names no tool"):
            model.bind_tools([double_tool], tool_choice="triple")
        with pytest.raises(InvalidRequestError, match="no tools on offer"):
            model.bind_tools([], tool_choice="any")

    def test_only_one_call_where_only_one_may_be(self, model, server):
        calls = Answer(tool_calls=[Call("double_tool", {"a": 1}), Call("double_tool", {"a": 2})])
        bound = model.bind_tools([double_tool], parallel_tool_calls=False)
        server.script(calls, calls)

        chunks = list(bound.stream("Double 1 and 2"))

        assert [c["args"] for c in bound.invoke("Double 1 and 2").tool_calls] == [{"a": 1}]
        assert [c["args"] for c in (chunks[0] + chunks[1:]).tool_calls] == [{"a": 1}]

    @pytest.mark.parametrize("how", ["invoke", "stream", "events"])
    @pytest.mark.parametrize("parallel", [True, False])
    @pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
    def test_pieces_of_a_call_in_one_chunk_are_one_call(
        self, model, server, stream_of, how, parallel
    ):
        begun = {"index": 0, "id": "1", "function": {"name": "look", "arguments": '{"a"'}}
        rest = {"index": 0, "function": {"arguments": ": 1}"}}
        server.script(stream_of({"tool_calls": [begun, rest]}, {"finish_reason": "tool_calls"}))
        bound = model.bind_tools([double_tool], parallel_tool_calls=parallel)
        if how == "invoke":
            answer = bound.invoke("Look", stream=True)
        elif how == "stream":
            first, *others = bound.stream("Look")
            answer = first + others
        else:
            answer = bound.stream_events("Look", version="v3").output

        assert [(c["name"], c["args"]) for c in answer.tool_calls] == [("look", {"a": 1})]
        assert answer.invalid_tool_calls == []

    def test_tools_may_come_with_the_call(self, model, server):
        model.invoke("Double 4", tools=[double])

        assert server.last.body["tools"] == [wire_tool(double)]

    def test_strict_is_taken_and_sends_nothing(self, model, server):
        model.bind_tools([double_tool], strict=True).invoke("Double 4")

        assert "strict" not in server.last.body["tools"][0]["function"]

    def test_an_async_only_tool_is_described_too(self, model):
        async def triple(a: int) -> int:
            """Triple a number."""
            return 3 * a

        made = StructuredTool.from_function(coroutine=triple)
        assert model.bind_tools([made]).kwargs["tools"][0]["function"]["name"] == "triple"


@pytest.mark.parametrize(
    "schema",
    [
        {
            "name": "Person",
            "schema": {"type": "object", "properties": {"age": {"type": "integer"}}},
        },
        {
            "type": "json_schema",
            "json_schema": {
                "name": "Person",
                "strict": True,
                "schema": {"type": "object", "properties": {"age": {"type": "integer"}}},
            },
        },
    ],
    ids=["name and schema", "response_format"],
)
def test_openais_form_of_a_response_format_keeps_its_schema(schema):
    function = wire_tool(schema)["function"]
    assert function["name"] == "Person"
    assert function["parameters"]["properties"] == {"age": {"type": "integer"}}


def test_a_tool_is_described_once_and_not_in_every_call():
    (described,) = wire_tools([{"name": "look", "description": "Look.", "parameters": {}}])

    assert wire_tools([described])[0] is described
    assert json.loads(json.dumps(described)) == described == dict(described)
