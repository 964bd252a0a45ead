"""What is changed after `secure` is secured at the next call, or refused."""

from __future__ import annotations

import copy
import pickle

import pytest
from llama_index.core import PromptTemplate, QueryBundle
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.indices.query.query_transform.base import IdentityQueryTransform
from llama_index.core.postprocessor import LLMRerank
from llama_index.core.query_engine import RetrieverQueryEngine, TransformQueryEngine
from llama_index.core.query_engine.custom import CustomQueryEngine
from llama_index.core.response_synthesizers import TreeSummarize, get_response_synthesizer

from grayswan_core import ConfigurationError
from grayswan_core.untrusted.marks import has_marks
from grayswan_devserver import Answer
from llama_index_grayswan import secure

QUESTION = "What do swans do?"
OTHER = PromptTemplate("Read {context_str} and say {query_str}")


@pytest.fixture
def engine(index, llm):
    return secure(index.as_query_engine(llm=llm))


def update_prompts(engine, llm):
    engine.update_prompts({"response_synthesizer:text_qa_template": OTHER})


def replace_the_synthesizer(engine, llm):
    engine._response_synthesizer = get_response_synthesizer(llm=llm, text_qa_template=OTHER)


def replace_a_template(engine, llm):
    engine._response_synthesizer._text_qa_template = OTHER


def add_a_postprocessor(engine, llm):
    engine._node_postprocessors.append(LLMRerank(llm=llm))


def replace_the_retriever(engine, llm):
    engine._retriever = engine.retriever._index.as_retriever(retriever_mode="llm", llm=llm)


CHANGES = [
    update_prompts,
    replace_the_synthesizer,
    replace_a_template,
    add_a_postprocessor,
    replace_the_retriever,
]


@pytest.mark.parametrize("change", CHANGES)
async def test_what_is_changed_later_is_marked(engine, llm, grayswan_server, roles, change):
    change(engine, llm)
    for asking in (engine.query, engine.aquery):
        if change in (add_a_postprocessor, replace_the_retriever):
            grayswan_server.script(Answer("Doc: 1, Relevance: 9"))
        answer = asking(QUESTION)
        if asking == engine.aquery:
            await answer
        assert {"data"} == roles()


def test_a_secured_synthesizer_keeps_to_it_in_another_engine(index, llm, roles):
    synthesizer = secure(TreeSummarize(llm=llm))
    engine = RetrieverQueryEngine(index.as_retriever(), synthesizer)
    engine.update_prompts({"response_synthesizer:summary_template": OTHER})
    engine.query(QUESTION)
    assert {"data"} == roles()


def test_an_engine_with_another_retriever_is_secured(index, llm, grayswan_server, roles, engine):
    other = engine.with_retriever(index.as_retriever(retriever_mode="llm", llm=llm))
    grayswan_server.script(Answer("Doc: 1, Relevance: 9"))
    other.query(QUESTION)
    assert 2 == len(grayswan_server.requests)
    assert {"data"} == roles()


class Own(CustomQueryEngine):
    def custom_query(self, query_str: str) -> str:
        return query_str


def test_what_cannot_be_secured_is_refused_at_the_call(index, llm, grayswan_server):
    engine = secure(TransformQueryEngine(index.as_query_engine(llm=llm), IdentityQueryTransform()))
    engine._query_engine = Own()
    with pytest.raises(ConfigurationError, match=r"how a Own uses .*TransformQueryEngine\._query"):
        engine.query(QUESTION)
    assert not grayswan_server.requests


async def test_an_agents_new_tools_are_marked(llm, page):
    agent = secure(FunctionAgent(tools=[], llm=llm))

    def read(page: str) -> str:
        """Read."""
        return page

    agent.tools.append(read)
    run = agent.run("Hello")
    assert has_marks(agent.tools[0](page=page).content)
    await run


def test_a_secured_part_is_of_its_own_class(engine, llm):
    assert isinstance(engine, RetrieverQueryEngine)
    assert isinstance(secure(LLMRerank(llm=llm)), LLMRerank)
    assert "RetrieverQueryEngine" in type(engine).__name__


def test_a_copy_stays_secured(engine, roles):
    copied = copy.copy(engine)
    update_prompts(copied, None)
    copied.query(QUESTION)
    assert {"data"} == roles()


def test_a_secured_part_is_not_written_down_without_its_marks(llm):
    rerank = secure(LLMRerank(llm=llm))
    with pytest.raises(Exception, match="cannot be written down"):
        rerank.to_dict()
    with pytest.raises(pickle.PicklingError):
        pickle.dumps(secure(TreeSummarize(llm=llm)))


def test_looking_again_costs_no_request_and_changes_nothing(engine, grayswan_server):
    before = engine.get_prompts()
    engine.retrieve(QueryBundle(QUESTION))
    assert before == engine.get_prompts()
    assert not grayswan_server.requests
