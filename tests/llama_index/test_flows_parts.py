"""What LlamaIndex builds applications of, on the local server: extractors, selectors,
rerankers, evaluators, generators of questions."""

import json
import os
import subprocess
import sys

import pytest
from llama_index.core import Settings
from llama_index.core.evaluation import (
    AnswerRelevancyEvaluator,
    BatchEvalRunner,
    ContextRelevancyEvaluator,
    CorrectnessEvaluator,
    FaithfulnessEvaluator,
    GuidelineEvaluator,
    PairwiseComparisonEvaluator,
    RelevancyEvaluator,
)
from llama_index.core.extractors import (
    DocumentContextExtractor,
    KeywordExtractor,
    PydanticProgramExtractor,
    QuestionsAnsweredExtractor,
    SummaryExtractor,
    TitleExtractor,
)
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.postprocessor import LLMRerank, StructuredLLMRerank
from llama_index.core.postprocessor.rankGPT_rerank import RankGPTRerank
from llama_index.core.program import FunctionCallingProgram
from llama_index.core.question_gen import LLMQuestionGenerator
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from llama_index.core.selectors import (
    LLMMultiSelector,
    LLMSingleSelector,
    PydanticMultiSelector,
    PydanticSingleSelector,
)
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.tools import ToolMetadata
from pydantic import BaseModel

from grayswan_devserver import Answer, Call

QUESTION = "When does the library close?"
LIBRARY = "The library has twelve thousand books. It closes at eight in the evening."

pytestmark = pytest.mark.usefixtures("index")


@pytest.fixture
def nodes(town):
    return [TextNode(text=document.text) for document in town]


@pytest.fixture
def scored(nodes):
    return [NodeWithScore(node=node, score=0.5) for node in nodes]


# --- extractors ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extractor", "key"),
    [
        (TitleExtractor, "document_title"),
        (KeywordExtractor, "excerpt_keywords"),
        (SummaryExtractor, "section_summary"),
        (QuestionsAnsweredExtractor, "questions_this_excerpt_can_answer"),
    ],
)
async def test_extractors_say_something_of_each_text(nodes, extractor, key):
    found = await extractor(show_progress=False).aextract(nodes)
    assert len(found) == 3
    assert all(each[key] for each in found)


class Facts(BaseModel):
    """What a text tells."""

    place: str
    numbers: list[str]


async def test_an_extractor_of_objects(nodes, llm):
    program = FunctionCallingProgram.from_defaults(Facts, "{input}", llm=llm)
    extractor = PydanticProgramExtractor(program=program, show_progress=False)
    found = await extractor.aextract(nodes)
    assert all(set(each) == {"place", "numbers"} for each in found)


async def test_an_extractor_of_context(town, llm):
    store = SimpleDocumentStore()
    store.add_documents(town)
    split = SentenceSplitter(chunk_size=60, chunk_overlap=0).get_nodes_from_documents(town)
    extractor = DocumentContextExtractor(
        docstore=store, llm=llm, max_context_length=1000, show_progress=False
    )
    assert all(each["context"] for each in await extractor.aextract(split))


def test_an_extractor_is_written_down_with_its_model(llm, monkeypatch, nodes):
    monkeypatch.setenv("GRAYSWAN_API_KEY", "not-a-real-key-0123456789")
    data = SummaryExtractor(llm=llm, show_progress=False).to_dict()
    assert "not-a-real-key" not in str(data)
    again = SummaryExtractor.from_dict(data)
    assert again.llm == llm or again.llm.base_url == llm.base_url
    assert again.extract(nodes[:1])


async def test_a_pipeline_of_extractors(town, llm):
    pipeline = IngestionPipeline(
        transformations=[
            SentenceSplitter(chunk_size=100, chunk_overlap=0),
            KeywordExtractor(keywords=3, llm=llm, show_progress=False),
            Settings.embed_model,
        ]
    )
    found = await pipeline.arun(documents=town)
    assert all(node.metadata["excerpt_keywords"] and node.embedding for node in found)


# --- selectors ----------------------------------------------------------------------------------

CHOICES = [
    ToolMetadata(name="town", description="About the library, the bakery and the harbour."),
    ToolMetadata(name="rome", description="About the history of Rome, when it was founded."),
]
ROME = "When was Rome founded?"


@pytest.mark.parametrize("selector", [LLMSingleSelector, LLMMultiSelector])
async def test_selectors_choose_in_text(selector, grayswan_server):
    grayswan_server.script(Answer('[{"choice": 2, "reason": "It is about Rome."}]'))
    grayswan_server.script(Answer('[{"choice": 1, "reason": "It is about the library."}]'))
    chosen = selector.from_defaults()
    assert chosen.select(CHOICES, ROME).inds == [1]
    assert (await chosen.aselect(CHOICES, QUESTION)).inds == [0]


async def test_a_selector_chooses_with_a_tool(grayswan_server):
    choice = Answer(tool_calls=[Call("SingleSelection", {"index": 2, "reason": "Rome"})])
    grayswan_server.script(choice, choice)
    chosen = PydanticSingleSelector.from_defaults()
    assert chosen.select(CHOICES, ROME).inds == [1]
    assert (await chosen.aselect(CHOICES, ROME)).inds == [1]


def test_a_selector_chooses_several_with_a_tool(grayswan_server):
    picked = [{"index": number, "reason": "fits"} for number in (1, 2)]
    grayswan_server.script(Answer(tool_calls=[Call("MultiSelection", {"selections": picked})]))
    assert PydanticMultiSelector.from_defaults().select(CHOICES, ROME).inds == [0, 1]


def test_sub_questions_are_read(grayswan_server):
    split = [
        {"sub_question": ROME, "tool_name": "rome"},
        {"sub_question": QUESTION, "tool_name": "town"},
    ]
    grayswan_server.script(Answer(json.dumps({"items": split})))
    generator = LLMQuestionGenerator.from_defaults()
    asked = QueryBundle("When was Rome founded and when does the library close?")
    found = generator.generate(CHOICES, asked)
    assert [each.model_dump() for each in found] == split


# --- rerankers ----------------------------------------------------------------------------------


def test_a_reranker_puts_the_best_first(scored, grayswan_server):
    grayswan_server.script(Answer("Doc: 2, Relevance: 9\nDoc: 1, Relevance: 1"))
    found = LLMRerank(top_n=2).postprocess_nodes(scored, query_str=QUESTION)
    assert found[0].node.text == LIBRARY


def test_a_structured_reranker_puts_the_best_first(scored, grayswan_server):
    ranked = [{"document_number": 2, "relevance": 9}, {"document_number": 1, "relevance": 1}]
    ranking = Answer(tool_calls=[Call("DocumentRelevanceList", {"documents": ranked})])
    grayswan_server.script(ranking)
    found = StructuredLLMRerank(top_n=2).postprocess_nodes(scored, query_str=QUESTION)
    assert [node.score for node in found] == [9, 1]
    assert found[0].node.text == LIBRARY


async def test_a_reranker_of_permutations_puts_the_best_first(scored, llm, grayswan_server):
    grayswan_server.script(*[Answer("[2] > [1] > [3]")] * 2)
    reranker = RankGPTRerank(top_n=2, llm=llm)
    assert reranker.postprocess_nodes(scored, query_str=QUESTION)[0].node.text == LIBRARY
    found = await reranker.apostprocess_nodes(scored, query_str=QUESTION)
    assert found[0].node.text == LIBRARY


# --- evaluators ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "verdict", "passing"),
    [
        ("The library closes at eight in the evening.", "YES", True),
        ("Whales sing at midnight.", "NO", False),
    ],
)
async def test_faithfulness_and_relevancy(grayswan_server, response, verdict, passing):
    grayswan_server.script(*[Answer(verdict)] * 2)
    asked = {"query": QUESTION, "response": response, "contexts": [LIBRARY]}
    for evaluator in (FaithfulnessEvaluator(), RelevancyEvaluator()):
        assert (await evaluator.aevaluate(**asked)).passing is passing


def test_correctness(grayswan_server):
    grayswan_server.script(Answer("4.5\nIt says the same."))
    found = CorrectnessEvaluator().evaluate(
        query=QUESTION,
        response="The library closes at eight in the evening.",
        reference="It closes at eight in the evening.",
    )
    assert found.passing
    assert found.score == 4.5


def test_guidelines(grayswan_server):
    grayswan_server.script(Answer('{"passing": true, "feedback": "It is brief."}'))
    found = GuidelineEvaluator(guidelines="Be brief.").evaluate(
        query=QUESTION, response="At eight.", contexts=[LIBRARY]
    )
    assert found.passing
    assert found.feedback == "It is brief."


@pytest.mark.parametrize("evaluator", [AnswerRelevancyEvaluator, ContextRelevancyEvaluator])
def test_relevancy_as_a_score(evaluator, grayswan_server):
    grayswan_server.script(Answer("It is about the question. [RESULT] 2"))
    found = evaluator().evaluate(
        query=QUESTION, response="The library closes at eight.", contexts=[LIBRARY]
    )
    assert not found.invalid_result
    assert found.score > 0


async def test_two_answers_are_compared(grayswan_server):
    verdict = [Answer("The first is right. [[A]]"), Answer("The second is right. [[B]]")]
    grayswan_server.script(*verdict)
    found = await PairwiseComparisonEvaluator().aevaluate(
        query=QUESTION, response="At eight.", second_response="At noon.", reference="At eight."
    )
    assert found.score == 1.0


@pytest.mark.filterwarnings("ignore:asyncio_module")  # LlamaIndex's own
async def test_evaluations_in_a_batch(index, grayswan_server):
    grayswan_server.script(*[Answer("At eight.")] * 3, *[Answer("YES")] * 3)
    runner = BatchEvalRunner({"faithful": FaithfulnessEvaluator()}, workers=2)
    found = await runner.aevaluate_queries(index.as_query_engine(), queries=[QUESTION] * 3)
    assert [each.passing for each in found["faithful"]] == [True] * 3


PIPELINE = """
from llama_index.core.extractors import SummaryExtractor
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.schema import TextNode
from llama_index.llms.grayswan import GraySwan

if __name__ == "__main__":
    llm = GraySwan(max_retries=0)
    llm.complete("Warm up.")
    extractor = SummaryExtractor(llm=llm, summaries=["self"], num_workers=1, show_progress=False)
    nodes = [TextNode(text="The bakery opens at seven."), TextNode(text="It closes at eight.")]
    found = IngestionPipeline(transformations=[extractor]).run(nodes=nodes, num_workers=2)
    print([bool(node.metadata["section_summary"]) for node in found])
"""


def test_a_pipeline_runs_in_several_processes(grayswan_server, tmp_path):
    """run-llama/llama_index 14280, 21300, langfuse 2799. A model finds its key again in each."""
    script = tmp_path / "pipeline.py"
    script.write_text(PIPELINE)
    key = {"GRAYSWAN_API_KEY": "not-a-real-key-0123456789"}
    done = subprocess.run(  # noqa: S603 - the script above
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        env={**os.environ, **key, "GRAY_SWAN_BASE_URL": grayswan_server.url},
        check=False,
    )
    assert "[True, True]" in done.stdout, done.stderr
