"""LlamaIndex's query engines, on the local server.

The embedding is `demo.embedding.HashedWords`, which needs no model: it counts words.
"""

import json

import pytest
from llama_index.core import (
    ChatPromptTemplate,
    Document,
    PromptTemplate,
    Settings,
    SummaryIndex,
    TreeIndex,
)
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.evaluation import RelevancyEvaluator
from llama_index.core.indices.query.query_transform import HyDEQueryTransform
from llama_index.core.indices.query.query_transform.base import StepDecomposeQueryTransform
from llama_index.core.llms import ChatMessage
from llama_index.core.query_engine import (
    CitationQueryEngine,
    MultiStepQueryEngine,
    RetryQueryEngine,
    RetrySourceQueryEngine,
    RouterQueryEngine,
    SubQuestionQueryEngine,
    TransformQueryEngine,
)
from llama_index.core.question_gen import LLMQuestionGenerator
from llama_index.core.response_synthesizers import ResponseMode, get_response_synthesizer
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.selectors import LLMSingleSelector, PydanticSingleSelector
from llama_index.core.tools import QueryEngineTool
from pydantic import BaseModel

from grayswan_devserver import Answer, Call
from llama_index_grayswan import data_message

QUESTION = "When does the library close?"
TOLD = "eight in the evening"

MODES = (
    ResponseMode.COMPACT,
    ResponseMode.REFINE,
    ResponseMode.TREE_SUMMARIZE,
    ResponseMode.SIMPLE_SUMMARIZE,
    ResponseMode.ACCUMULATE,
    ResponseMode.COMPACT_ACCUMULATE,
)
STREAMED_MODES = MODES[:4]


@pytest.mark.parametrize("mode", MODES)
def test_every_response_mode_answers(index, bodies, mode):
    response = index.as_query_engine(response_mode=mode, similarity_top_k=2).query(QUESTION)
    assert TOLD in str(response)
    assert response.source_nodes
    # LlamaIndex puts what it has found where the question is: in the user's message.
    assert {role for asked in bodies() for role, text in asked if TOLD in text} == {"user"}


@pytest.mark.parametrize("mode", MODES)
async def test_every_response_mode_answers_async(index, mode):
    engine = index.as_query_engine(response_mode=mode, similarity_top_k=2)
    assert TOLD in str(await engine.aquery(QUESTION))


@pytest.mark.parametrize("mode", STREAMED_MODES)
def test_response_modes_stream(index, mode):
    engine = index.as_query_engine(response_mode=mode, similarity_top_k=2, streaming=True)
    parts = list(engine.query(QUESTION).response_gen)
    assert TOLD in "".join(parts)


async def test_response_modes_stream_async(index):
    engine = index.as_query_engine(streaming=True)
    response = await engine.aquery(QUESTION)
    assert TOLD in "".join([part async for part in response.async_response_gen()])


def test_refining_asks_once_for_each_text(index, grayswan_server):
    index.as_query_engine(response_mode=ResponseMode.REFINE, similarity_top_k=3).query(QUESTION)
    assert len(grayswan_server.requests) == 3


def test_a_text_longer_than_the_window_is_asked_about_in_parts(make_llm, grayswan_server):
    llm = make_llm(context_window=1200, max_tokens=50)
    synthesizer = get_response_synthesizer(llm=llm, response_mode=ResponseMode.COMPACT)
    text = "The library closes at eight in the evening. " * 200
    assert TOLD in synthesizer.get_response(QUESTION, [text])
    assert len(grayswan_server.requests) > 1


class Closing(BaseModel):
    """When something closes."""

    place: str
    time: str


def test_an_engine_may_give_an_object(index):
    engine = index.as_query_engine(output_cls=Closing)
    assert type(engine.query(QUESTION).response) is Closing


def test_an_engine_of_a_structured_model_gives_an_object(index, llm):
    engine = index.as_query_engine(llm=llm.as_structured_llm(Closing))
    assert type(engine.query(QUESTION).response) is Closing


def test_tokens_of_a_whole_query_are_counted(make_llm, town, index):
    counter = TokenCountingHandler(tokenizer=str.split)
    Settings.callback_manager = CallbackManager([counter])
    index.as_query_engine(llm=make_llm()).query(QUESTION)
    assert counter.total_llm_token_count > 0


# --- engines of engines -------------------------------------------------------------------------


@pytest.fixture
def engines(index):
    """The town, and the history of Rome, as tools."""
    rome = SummaryIndex.from_documents([Document(text="Rome was founded in 753 BC.")])
    return [
        QueryEngineTool.from_defaults(
            index.as_query_engine(similarity_top_k=1),
            name="town",
            description="Answers questions about the library, the bakery and the harbour.",
        ),
        QueryEngineTool.from_defaults(
            rome.as_query_engine(),
            name="rome",
            description="Answers questions about the history of Rome and when it was founded.",
        ),
    ]


def test_a_router_chooses_in_text(engines, grayswan_server):
    grayswan_server.script(Answer('[{"choice": 2, "reason": "It is about Rome."}]'))
    router = RouterQueryEngine(LLMSingleSelector.from_defaults(), engines)
    response = router.query("When was Rome founded?")
    assert "753 BC" in str(response)
    assert response.metadata["selector_result"].ind == 1


async def test_a_router_chooses_with_a_tool(engines, grayswan_server):
    choice = Answer(tool_calls=[Call("SingleSelection", {"index": 2, "reason": "Rome"})])
    grayswan_server.script(choice)
    router = RouterQueryEngine(PydanticSingleSelector.from_defaults(), engines)
    assert "753 BC" in str(await router.aquery("When was Rome founded?"))
    assert grayswan_server.requests[0].body["tool_choice"]["function"]["name"] == "SingleSelection"


@pytest.mark.parametrize("use_async", [True, False])
def test_a_question_is_split_into_others(engines, use_async, bodies, grayswan_server):
    split = [
        {"sub_question": "When was Rome founded?", "tool_name": "rome"},
        {"sub_question": QUESTION, "tool_name": "town"},
    ]
    grayswan_server.script(Answer(json.dumps({"items": split})))
    engine = SubQuestionQueryEngine.from_defaults(
        query_engine_tools=engines,
        question_gen=LLMQuestionGenerator.from_defaults(),
        use_async=use_async,
        verbose=False,
    )
    response = engine.query("When was Rome founded and when does the library close?")
    assert len(response.source_nodes) >= 2
    assert "753 BC" in str(bodies()[-1])
    assert TOLD in str(bodies()[-1])


def test_answers_cite_their_sources(index, bodies):
    engine = CitationQueryEngine.from_args(index, similarity_top_k=2)
    response = engine.query(QUESTION)
    assert TOLD in str(response)
    assert response.source_nodes[0].text.startswith("Source 1:")
    assert "Source 1:" in bodies()[-1][0][1]


def test_a_bad_answer_is_tried_again(index, grayswan_server):
    grayswan_server.script(Answer("The library is blue."), Answer("NO"), Answer("Feedback"))
    engine = RetryQueryEngine(index.as_query_engine(), RelevancyEvaluator())
    assert str(engine.query(QUESTION))
    assert len(grayswan_server.requests) > 2


def test_a_good_answer_is_kept(index, grayswan_server):
    grayswan_server.script(Answer(f"It closes at {TOLD}."), Answer("YES"))
    engine = RetryQueryEngine(index.as_query_engine(), RelevancyEvaluator())
    assert TOLD in str(engine.query(QUESTION))
    assert len(grayswan_server.requests) == 2


def test_an_answer_is_tried_again_with_other_sources(index, grayswan_server):
    grayswan_server.script(Answer("The library is blue."), Answer("NO"), Answer("YES"))
    engine = RetrySourceQueryEngine(index.as_query_engine(), RelevancyEvaluator())
    assert str(engine.query(QUESTION))


def test_questions_are_made_up_for_a_search(index, grayswan_server):
    grayswan_server.script(Answer("When does the library close?\nWhat are its hours?"))
    retriever = QueryFusionRetriever(
        [index.as_retriever()], num_queries=3, use_async=False, similarity_top_k=1
    )
    (found,) = retriever.retrieve("library hours")
    assert TOLD in found.text


def test_a_made_up_answer_is_searched_for(index, grayswan_server):
    grayswan_server.script(Answer("The library closes at eight."))
    engine = TransformQueryEngine(index.as_query_engine(), HyDEQueryTransform())
    assert TOLD in str(engine.query(QUESTION))


def test_a_question_is_answered_in_steps(index, grayswan_server):
    grayswan_server.script(Answer(QUESTION), Answer("At eight."), Answer("None"))
    engine = MultiStepQueryEngine(
        index.as_query_engine(),
        StepDecomposeQueryTransform(verbose=False),
        index_summary="The town.",
    )
    assert str(engine.query("When must I leave the library?"))


def test_a_tree_of_summaries_is_built_and_asked(llm, town, index, grayswan_server):
    Settings.llm = llm
    tree = TreeIndex.from_documents(town, num_children=2)
    choices = Answer("ANSWER: 1. The town's own."), Answer("ANSWER: 2. It is the library's.")
    grayswan_server.script(*choices)
    assert TOLD in str(tree.as_query_engine(child_branch_factor=1).query(QUESTION))


def test_a_prompt_of_ones_own_is_used(index, sent):
    engine = index.as_query_engine(
        text_qa_template=PromptTemplate("Look: {context_str}\n\nNow answer: {query_str}")
    )
    engine.query(QUESTION)
    assert sent()["messages"][0]["content"].startswith("Look: ")


QUESTION_AND_DATA = ChatPromptTemplate(
    [
        ChatMessage("Answer from the text.", role="system"),
        ChatMessage("{query_str}"),
        data_message("{context_str}"),
    ]
)
REFINE_WITH_DATA = ChatPromptTemplate(
    [
        ChatMessage("{query_str} So far: {existing_answer}"),
        data_message("{context_msg}"),
    ]
)


@pytest.mark.parametrize("mode", MODES)
def test_templates_put_what_was_found_into_data(index, bodies, mode):
    engine = index.as_query_engine(
        response_mode=mode,
        similarity_top_k=2,
        text_qa_template=QUESTION_AND_DATA,
        refine_template=REFINE_WITH_DATA,
        summary_template=QUESTION_AND_DATA,
    )
    assert str(engine.query(QUESTION))
    found_in = {role for asked in bodies() for role, text in asked if "place: " in text}
    assert found_in == {"data"}
