"""LlamaIndex's own ways to recover from a response that is not the object asked for."""

from __future__ import annotations

import asyncio

import pytest
from llama_index.core import Document, PropertyGraphIndex, Settings, SummaryIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.indices.property_graph import SchemaLLMPathExtractor
from llama_index.core.response_synthesizers import get_response_synthesizer
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from demo.embedding import HashedWords
from grayswan_core import ContentFilterError, ToolCallArgumentsError, ToolCallMissingError
from grayswan_devserver import Answer, Call

pytestmark = [
    pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:is_running called from within a step"),
]

BAD = {
    "text": lambda name: Answer("I do not know."),
    "broken": lambda name: Answer(tool_calls=[Call(name, '{"x": ')]),
    "cut": lambda name: Answer(tool_calls=[Call(name, '{"x')], finish_reason="length"),
    "refusal": lambda name: Answer("I will not.", finish_reason="content_filter"),
    "refused call": lambda name: Answer(tool_calls=[Call(name, '{"x')], finish_reason="violation"),
    "misfit": lambda name: Answer(
        tool_calls=[Call(name, {"response": 1, "answer": [2], "triplets": 3, "relevant": "?"})]
    ),
}

EVERY_BAD = pytest.mark.parametrize("bad", BAD)


class Reply(BaseModel):
    """A reply."""

    response: str
    confidence: float


GOOD = Answer(tool_calls=[Call("Reply", {"response": "seven", "confidence": 0.9})])


def nodes(count=2):
    return [NodeWithScore(node=TextNode(text=f"text {i}"), score=1) for i in range(count)]


async def synthesized(synthesizer, how):
    if how == "sync":
        return await asyncio.to_thread(synthesizer.synthesize, "When?", nodes())
    return await synthesizer.asynthesize("When?", nodes())


@EVERY_BAD
@pytest.mark.parametrize("how", ["sync", "async"])
@pytest.mark.parametrize("first", ["good", "bad"])
async def test_refining_goes_on_after_a_response_that_is_no_object(
    llm, grayswan_server, bad, how, first
):
    """run-llama/llama_index 21089"""
    synthesizer = get_response_synthesizer(response_mode="refine", llm=llm, output_cls=Reply)
    answers = [GOOD, BAD[bad]("Reply")]
    grayswan_server.script(*(answers if first == "good" else reversed(answers)))
    response = await synthesized(synthesizer, how)
    assert response.response == Reply(response="seven", confidence=0.9)
    assert len(grayswan_server.requests) == 2


@EVERY_BAD
@pytest.mark.parametrize("how", ["sync", "async"])
async def test_filtered_answers_go_on_after_a_response_that_is_no_object(
    llm, grayswan_server, bad, how
):
    """run-llama/llama_index 21089, 7521"""
    synthesizer = get_response_synthesizer(
        response_mode="refine", llm=llm, structured_answer_filtering=True
    )
    name = "StructuredRefineResponse"
    good = Answer(tool_calls=[Call(name, {"answer": "seven", "query_satisfied": True})])
    grayswan_server.script(BAD[bad](name), good)
    assert "seven" in str(await synthesized(synthesizer, how))


@EVERY_BAD
def test_streamed_filtered_answers_go_on_too(llm, grayswan_server, bad):
    synthesizer = get_response_synthesizer(
        response_mode="refine", llm=llm, structured_answer_filtering=True, streaming=True
    )
    name = "StructuredRefineResponse"
    good = Answer(tool_calls=[Call(name, {"answer": "seven", "query_satisfied": True})])
    grayswan_server.script(BAD[bad](name), good)
    response = synthesizer.synthesize("When?", nodes())
    assert "seven" in "".join(response.response_gen)


def test_a_refusal_that_is_to_be_an_error_ends_a_query(make_llm, grayswan_server):
    strict = make_llm(raise_on_content_filter=True)
    synthesizer = get_response_synthesizer(response_mode="refine", llm=strict, output_cls=Reply)
    grayswan_server.script(BAD["refusal"]("Reply"))
    with pytest.raises(ContentFilterError):
        synthesizer.synthesize("When?", nodes())


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def predicted(llm, how, **given):
    tools = [FunctionTool.from_defaults(add)]
    if how == "sync":
        return await asyncio.to_thread(llm.predict_and_call, tools, "Add.", **given)
    return await llm.apredict_and_call(tools, "Add.", **given)


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_a_missing_call_is_text_or_a_value_error(llm, grayswan_server, how):
    grayswan_server.script(Answer("Just text."), Answer("Just text."))
    found = await predicted(llm, how, error_on_no_tool_call=False)
    assert found.response == "Just text."
    with pytest.raises(ValueError, match="called no tool"):
        await predicted(llm, how)


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_arguments_that_cannot_be_read_are_a_value_error(llm, grayswan_server, how):
    grayswan_server.script(*[Answer(tool_calls=[Call("add", "{'a': 1}")])] * 2)
    with pytest.raises(ToolCallArgumentsError, match="cannot be read"):
        await predicted(llm, how)
    with pytest.raises(ToolCallMissingError, match="add was not run, because its arguments"):
        await predicted(llm, how, error_on_no_tool_call=False)


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_a_call_of_no_tool_on_offer_is_a_value_error(llm, grayswan_server, how):
    grayswan_server.script(Answer(tool_calls=[Call("subtract", {"a": 1, "b": 2})]))
    with pytest.raises(ToolCallMissingError, match="subtract"):
        await predicted(llm, how)


@pytest.mark.filterwarnings("ignore:There was a problem with the generation of the structured")
@EVERY_BAD
async def test_an_agents_answer_outlives_a_failed_object(llm, grayswan_server, bad):
    agent = FunctionAgent(tools=[add], llm=llm, output_cls=Reply)
    grayswan_server.script(Answer("At seven."), BAD[bad]("Reply"))
    result = await agent.run("When?")
    assert result.response.content == "At seven."
    assert result.structured_response is None


# --- whole applications ---------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the extractor's own types
@EVERY_BAD
def test_a_property_graph_is_built_without_the_text_that_failed(llm, grayswan_server, bad):
    extractor = SchemaLLMPathExtractor(llm=llm, num_workers=1, strict=False)
    triplet = {
        "subject": {"type": "PERSON", "name": "Ann"},
        "relation": {"type": "WORKED_ON"},
        "object": {"type": "PLACE", "name": "Library"},
    }
    good = Answer(tool_calls=[Call("KGSchema", {"triplets": [triplet]})])
    grayswan_server.script(BAD[bad]("KGSchema"), good)
    Settings.embed_model = HashedWords()
    index = PropertyGraphIndex.from_documents(
        [Document(text="The bakery opens at seven."), Document(text="Ann runs the library.")],
        llm=llm,
        kg_extractors=[extractor],
        embed_kg_nodes=False,
        show_progress=False,
    )
    names = {node.name for node in index.property_graph_store.get() if hasattr(node, "name")}
    assert names == {"Ann", "Library"}


@pytest.mark.parametrize("bad", BAD)
def test_a_query_with_an_output_class_outlives_one_bad_response(llm, grayswan_server, bad):
    texts = ["The bakery opens at seven.", "It sells rye bread."]
    index = SummaryIndex([TextNode(text=text) for text in texts])
    engine = index.as_query_engine(llm=llm, output_cls=Reply, response_mode="refine")
    grayswan_server.script(BAD[bad]("Reply"), GOOD)
    response = engine.query("When does the bakery open?")
    assert response.response == Reply(response="seven", confidence=0.9)
    assert len(response.source_nodes) == 2
