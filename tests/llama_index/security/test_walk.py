"""What the walk finds in an engine or agent, and what it refuses."""

from __future__ import annotations

from functools import partial

import pytest
from llama_index.core import SummaryIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.chat_engine import ContextChatEngine
from llama_index.core.evaluation import RelevancyEvaluator
from llama_index.core.llms import CustomLLM, LLMMetadata
from llama_index.core.memory import (
    ChatMemoryBuffer,
    ChatSummaryMemoryBuffer,
    FactExtractionMemoryBlock,
    Memory,
)
from llama_index.core.postprocessor import LLMRerank
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.prompts import PromptTemplate
from llama_index.core.query_engine import CustomQueryEngine, RetrieverQueryEngine, RetryQueryEngine
from llama_index.core.response_synthesizers import Refine, get_response_synthesizer
from llama_index.core.retrievers import RecursiveRetriever
from llama_index.core.schema import IndexNode
from llama_index.core.tools import FunctionTool
from llama_index.core.tools.tool_spec.base import BaseToolSpec
from llama_index.core.tools.tool_spec.load_and_search import LoadAndSearchToolSpec
from llama_index.core.workflow import StartEvent, StopEvent, Workflow, step

from grayswan_core import ConfigurationError
from grayswan_devserver import Answer
from llama_index_grayswan import secure
from llama_index_grayswan.security.parts import MarkedVerdicts
from llama_index_grayswan.security.walk import full_name, known_as

QUESTION = "What do swans do?"


class Quiet(RetrieverQueryEngine):
    """Changes nothing."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)


class Loud(RetrieverQueryEngine):
    """Shows the model text in its own way."""

    def _query(self, query_bundle):
        nodes = self.retrieve(query_bundle)
        return self._response_synthesizer._llm.complete(f"Read {nodes[0].text}")


class QuietRerank(LLMRerank):
    more: int = 1

    @classmethod
    def class_name(cls):
        return "QuietRerank"


class LoudRerank(LLMRerank):
    def _postprocess_nodes(self, nodes, query_bundle=None):
        self.llm.complete(nodes[0].text)
        return nodes


class Hybrid(BaseRetriever):
    def __init__(self, inner):
        self.inner = inner
        super().__init__()

    def _retrieve(self, query_bundle):
        return self.inner.retrieve(query_bundle)


class Vouched(Hybrid):
    pass


class Keeps(BaseNodePostprocessor):
    def _postprocess_nodes(self, nodes, query_bundle=None):
        return nodes


class Vouches(Keeps):
    pass


class Steps(Workflow):
    @step
    async def answer(self, ev: StartEvent) -> StopEvent:
        return StopEvent(result="x")


class OtherVendor(CustomLLM):
    @property
    def metadata(self):
        return LLMMetadata()

    def complete(self, prompt, **kwargs):
        raise AssertionError

    def stream_complete(self, prompt, **kwargs):
        raise AssertionError


def engine_of(kind, index, llm, **fields):
    return kind(index.as_retriever(), get_response_synthesizer(llm=llm), **fields)


def test_a_subclass_that_changes_nothing_is_its_base(index, llm, roles):
    secure(engine_of(Quiet, index, llm)).query(QUESTION)
    assert {"data"} == roles()
    assert known_as(QuietRerank) == known_as(LLMRerank)


class QuietRetry(RetryQueryEngine):
    pass


def test_a_subclass_has_what_its_base_needs_beside_its_templates(index, llm):
    evaluator = RelevancyEvaluator(llm=llm)
    engine = secure(QuietRetry(index.as_query_engine(llm=llm), evaluator, max_retries=1))
    assert isinstance(engine._evaluator, MarkedVerdicts)


@pytest.mark.parametrize("kind", [Loud, LoudRerank, Hybrid, Keeps, Steps])
def test_a_class_that_is_not_known_has_no_row(kind):
    assert known_as(kind) is None
    assert full_name(kind).endswith(f"test_walk.{kind.__name__}")


def test_where_it_is_refused_the_place_is_said(index, llm):
    targets = {
        "how a Loud uses": engine_of(Loud, index, llm),
        r"how a LoudRerank .*RetrieverQueryEngine\._node_postprocessors\.LoudRerank": (
            engine_of(RetrieverQueryEngine, index, llm, node_postprocessors=[LoudRerank(llm=llm)])
        ),
        r"how a Hybrid .*vouched=\[Hybrid\].*ContextChatEngine\._retriever": (
            ContextChatEngine.from_defaults(
                Hybrid(index.as_retriever()), llm=llm, memory=ChatMemoryBuffer(token_limit=10)
            )
        ),
        "how a Steps uses": Steps(),
    }
    for match, target in targets.items():
        with pytest.raises(ConfigurationError, match=match):
            secure(target)


def test_vouched_classes_are_looked_into(index, llm, grayswan_server, roles):
    inner = index.as_retriever(retriever_mode="llm", llm=llm)
    engine = RetrieverQueryEngine(
        Vouched(inner), get_response_synthesizer(llm=llm), node_postprocessors=[Vouches()]
    )
    with pytest.raises(ConfigurationError, match="how a Vouched"):
        secure(engine)
    secure(engine, vouched=[Vouched, Vouches])
    grayswan_server.script(Answer("Doc: 1, Relevance: 9"))
    engine.query(QUESTION)
    assert {"data"} == roles()


class Formats(CustomQueryEngine):
    retriever: BaseRetriever
    llm: object
    prompt: PromptTemplate

    def custom_query(self, query_str: str) -> str:
        nodes = self.retriever.retrieve(query_str)
        text = "\n".join(each.text for each in nodes)
        return str(self.llm.complete(self.prompt.format(passages=text, query_str=query_str)))


def test_a_vouched_engines_template_is_marked_by_any_name(index, llm, roles):
    prompt = PromptTemplate("Read {passages}, and say: {query_str}")
    engine = Formats(retriever=index.as_retriever(), llm=llm, prompt=prompt)
    secure(engine, vouched=[Formats]).query(QUESTION)
    assert {"data"} == roles()


def test_a_model_of_another_vendor_is_refused(index, llm):
    for engine in (
        index.as_query_engine(llm=OtherVendor()),
        index.as_query_engine(llm=llm, node_postprocessors=[LLMRerank(llm=OtherVendor())]),
    ):
        with pytest.raises(ConfigurationError, match="OtherVendor does not take marks off"):
            secure(engine)


def test_a_memory_with_a_model_of_another_vendor_is_refused(index, llm):
    memories = [
        ChatSummaryMemoryBuffer.from_defaults(llm=OtherVendor(), tokenizer_fn=str.split),
        Memory.from_defaults(memory_blocks=[FactExtractionMemoryBlock(llm=OtherVendor())]),
    ]
    for memory in memories:
        engine = index.as_chat_engine(chat_mode="context", llm=llm, memory=memory)
        with pytest.raises(ConfigurationError, match="OtherVendor does not take marks off"):
            secure(engine)


def test_only_classes_can_be_vouched_for(index, llm):
    with pytest.raises(ConfigurationError, match="vouched takes classes"):
        secure(index.as_query_engine(llm=llm), vouched=[Keeps()])


def test_a_method_that_was_replaced_is_refused(index, llm):
    engine = index.as_query_engine(llm=llm)
    engine._query = lambda query_bundle: llm.complete("x")
    with pytest.raises(ConfigurationError, match="method '_query' was replaced"):
        secure(engine)


def test_a_program_factory_is_refused(llm):
    synthesizer = Refine(
        llm=llm, structured_answer_filtering=True, program_factory=lambda prompt: None
    )
    with pytest.raises(ConfigurationError, match="Leave it out"):
        secure(synthesizer)


def test_engines_behind_the_nodes_of_an_index_are_reached(index, llm, roles):
    inner = index.as_query_engine(llm=llm)
    outer = SummaryIndex([], objects=[IndexNode(text="Swans.", index_id="swans", obj=inner)])
    secure(outer.as_query_engine(llm=llm)).query(QUESTION)
    assert {"data"} == roles()


async def test_engines_in_a_recursive_retriever_are_reached(llm, index, roles):
    found = SummaryIndex([IndexNode(text="Swans.", index_id="swans")]).as_retriever()
    retriever = RecursiveRetriever(
        "root", {"root": found}, query_engine_dict={"swans": index.as_query_engine(llm=llm)}
    )
    engine = secure(RetrieverQueryEngine(retriever, get_response_synthesizer(llm=llm)))
    engine.query(QUESTION)
    assert {"data"} == roles()


def nested(engine):
    return lambda question: str(engine.query(question))


def by_partial(engine):
    def ask(engine, question):
        return str(engine.query(question))

    return partial(ask, engine)


def by_method(engine):
    class Asks:
        def __init__(self):
            self.engine = engine

        def ask(self, question: str) -> str:
            return str(self.engine.query(question))

    return Asks().ask


def by_spec(engine):
    class Spec(BaseToolSpec):
        spec_functions = ("ask",)

        def __init__(self):
            self.engine = engine

        def ask(self, question: str) -> str:
            """Ask."""
            return str(self.engine.query(question))

    return Spec().to_tool_list()[0].real_fn


@pytest.mark.parametrize("make", [nested, by_partial, by_method, by_spec])
def test_engines_that_a_tools_function_reaches_are_secured(index, llm, roles, make):
    function = make(index.as_query_engine(llm=llm))
    tool = FunctionTool.from_defaults(function, name="ask", description="Asks.")
    agent = secure(FunctionAgent(tools=[tool], llm=llm))
    agent.tools[0](question=QUESTION)
    assert {"data"} == roles()


def test_tools_of_a_spec_that_asks_a_model_are_secured_one_by_one(llm, roles, page):
    from llama_index.core import Settings  # noqa: PLC0415

    def read(query: str) -> str:
        """Read."""
        return page

    Settings.llm = llm
    spec = LoadAndSearchToolSpec.from_defaults(
        FunctionTool.from_defaults(read), index_cls=SummaryIndex
    )
    agent = secure(FunctionAgent(tools=spec.to_tool_list(), llm=llm))
    load, ask = agent.tools
    load(query="x")
    ask(query=QUESTION)
    assert {"data"} == roles()


def test_what_holds_itself_ends_the_walk(index, llm):
    engine = index.as_query_engine(llm=llm)
    engine.more = [engine]
    engine.more.append(engine.more)
    assert engine is secure(engine)


def test_images_are_refused(llm):
    synthesizer = get_response_synthesizer(llm=llm)
    synthesizer._multimodal = True
    with pytest.raises(ConfigurationError, match="reads text only"):
        secure(synthesizer)
