"""LlamaIndex flows: response modes, query engines, chat engines and agents, with any LLM of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llama_index.core import MockEmbedding, PromptTemplate, SummaryIndex
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.indices.query.query_transform import StepDecomposeQueryTransform
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.postprocessor import LLMRerank
from llama_index.core.query_engine import (
    CitationQueryEngine,
    MultiStepQueryEngine,
    RetrieverQueryEngine,
    RouterQueryEngine,
    SubQuestionQueryEngine,
    TransformQueryEngine,
)
from llama_index.core.question_gen import LLMQuestionGenerator
from llama_index.core.response_synthesizers import get_response_synthesizer
from llama_index.core.schema import MetadataMode, TextNode
from llama_index.core.selectors import LLMSingleSelector
from llama_index.core.tools import FunctionTool, QueryEngineTool

from benchmarks.leakage.flows import PROMPT, QUESTION, Flow, Mode, run_async
from llama_index_grayswan import (
    UntrustedNodePostprocessor,
    data_message,
    secure,
    strip_marks,
    untrusted_tool,
)

__all__ = ["FLOWS"]


def _index(texts: Sequence[str]) -> SummaryIndex:
    nodes = [TextNode(text=text, metadata={"file": text.split()[0]}) for text in texts]
    return SummaryIndex(nodes, embed_model=MockEmbedding(embed_dim=4))


def _memory() -> ChatMemoryBuffer:
    # The default one keeps a database open.
    return ChatMemoryBuffer.from_defaults(token_limit=8000)


def _query(engine: Any, mode: Mode, *, protected: bool) -> None:
    engine = secure(engine) if protected else engine
    answer = run_async(engine.aquery(QUESTION)) if mode == "async" else engine.query(QUESTION)
    if mode == "stream":
        for _ in answer.response_gen:
            pass


def _response_mode(response_mode: str) -> Callable[..., None]:
    def run(llm: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
        streaming = mode == "stream"
        engine = _index(texts).as_query_engine(
            llm=llm, response_mode=response_mode, streaming=streaming
        )
        _query(engine, mode, protected=protected)

    return run


def _small_window(llm: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    """The texts do not fit the context at once and are packed anew, cut anywhere."""
    small = llm.model_copy(update={"context_window": 1200}) if hasattr(llm, "chat_path") else llm
    engine = _index(texts).as_query_engine(llm=small, streaming=mode == "stream")
    _query(engine, mode, protected=protected)


def _citation(llm: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    engine = CitationQueryEngine.from_args(
        _index(texts), llm=llm, citation_chunk_size=64, citation_chunk_overlap=0
    )
    _query(engine, mode, protected=protected)


def _tools(llm: Any, texts: Sequence[str]) -> list[QueryEngineTool]:
    engine = _index(texts).as_query_engine(llm=llm)
    return [QueryEngineTool.from_defaults(engine, name="pages", description="Pages on birds.")]


def _router(llm: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    selector = LLMSingleSelector.from_defaults(llm=llm)
    engine = RouterQueryEngine.from_defaults(_tools(llm, texts), llm=llm, selector=selector)
    _query(engine, mode, protected=protected)


def _sub_question(llm: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    engine = SubQuestionQueryEngine.from_defaults(
        _tools(llm, texts),
        llm=llm,
        question_gen=LLMQuestionGenerator.from_defaults(llm=llm),
        verbose=False,
        use_async=mode == "async",
    )
    _query(engine, mode, protected=protected)


def _multi_step(llm: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    engine = MultiStepQueryEngine(
        _index(texts).as_query_engine(llm=llm),
        StepDecomposeQueryTransform(llm=llm),
        num_steps=2,
        index_summary="Pages on birds.",
    )
    _query(engine, mode, protected=protected)


def _transform(llm: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    inner = _index(texts).as_query_engine(llm=llm, streaming=mode == "stream")
    engine = TransformQueryEngine(inner, StepDecomposeQueryTransform(llm=llm))
    _query(engine, mode, protected=protected)


def _postprocessor(llm: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    marking = [UntrustedNodePostprocessor()] if protected else []
    engine = _index(texts).as_query_engine(
        llm=llm,
        node_postprocessors=marking,
        streaming=mode == "stream",
    )
    _query(engine, mode, protected=False)


def _chat(chat_mode: str) -> Callable[..., None]:
    def run(llm: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
        given = {"system_prompt": PROMPT} if chat_mode != "condense_question" else {}
        engine = _index(texts).as_chat_engine(
            chat_mode=chat_mode, llm=llm, memory=_memory(), **given
        )
        engine = secure(engine) if protected else engine
        for message in (QUESTION, "And what else do they say about the nest?"):
            if mode == "sync":
                engine.chat(message)
            elif mode == "async":
                run_async(engine.achat(message))
            else:
                for _ in engine.stream_chat(message).response_gen:
                    pass

    return run


def _prompt(llm: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    """A prompt of one's own, filled with nodes."""
    nodes = _index(texts).as_retriever().retrieve(QUESTION)
    nodes = UntrustedNodePostprocessor().postprocess_nodes(nodes) if protected else nodes
    context = "\n\n".join(node.get_content(metadata_mode=MetadataMode.LLM) for node in nodes)
    template = PromptTemplate(PROMPT + "\n\n{context}\n\nQuestion: {question}")
    given = {"context": context, "question": QUESTION}
    if mode == "sync":
        llm.predict(template, **given)
    elif mode == "async":
        run_async(llm.apredict(template, **given))
    else:
        for _ in llm.stream(template, **given):
            pass


def _agent(kind: Any, *, wrap: Callable[[Any], Any] = lambda agent: agent) -> Callable[..., None]:
    def run(llm: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
        def read(query: str) -> str:  # noqa: ARG001 - what the model asks
            """Read the pages."""
            return "\n".join(texts)

        tool = FunctionTool.from_defaults(read)
        agent = wrap(
            kind(
                name="reader",
                tools=[untrusted_tool(tool) if protected else tool],
                llm=llm,
                system_prompt=PROMPT,
                streaming=mode == "stream",
            )
        )

        async def ask() -> None:
            await (secure(agent) if protected else agent).run(QUESTION, memory=_memory())

        run_async(ask())

    return run


def _engine_of(
    make: Callable[[Any, Sequence[str]], Any], change: Callable[[Any], object] = id
) -> Callable[..., None]:
    """A query engine that is changed after it was secured."""

    def run(llm: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
        engine = make(llm, texts)
        engine = secure(engine) if protected else engine
        change(engine)
        _query(engine, mode, protected=False)

    return run


def _reranked(llm: Any, texts: Sequence[str]) -> Any:
    # It chooses by a list of its own, so that all documents go on.
    chosen = [LLMRerank(llm=llm, parse_choice_select_answer_fn=_all_choices)]
    return _index(texts).as_query_engine(llm=llm, node_postprocessors=chosen)


def _all_choices(answer: str, count: int) -> tuple[list[int], list[float]]:  # noqa: ARG001
    return [*range(1, count + 1)], [1.0] * count


def _chosen(llm: Any, texts: Sequence[str]) -> Any:
    retriever = _index(texts).as_retriever(
        retriever_mode="llm", llm=llm, parse_choice_select_answer_fn=_all_choices
    )
    return RetrieverQueryEngine(retriever, get_response_synthesizer(llm=llm))


def _compact(llm: Any, texts: Sequence[str]) -> Any:
    return _index(texts).as_query_engine(llm=llm)


def _renamed(engine: Any) -> None:
    template = PromptTemplate(
        PROMPT + "\n\n{passages}\n\nQuestion: {query_str}",
        template_var_mappings={"context_str": "passages"},
    )
    engine.update_prompts({"response_synthesizer:text_qa_template": template})


def _retold(llm: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    """A history with data messages, which a chat engine condenses to a question."""
    history = [ChatMessage(QUESTION), *map(data_message, texts)]
    if not protected:
        history = strip_marks(history)
    engine = _index([PROMPT]).as_chat_engine(chat_mode="condense_question", llm=llm)
    if mode == "async":
        run_async(engine.achat("And what else?", chat_history=history))
    else:
        engine.chat("And what else?", chat_history=history)


def _direct(llm: Any, texts: Sequence[str], mode: Mode, protected: bool) -> None:
    """A tool answers in the agent's place: its answer is an assistant's message from then on."""

    def read(query: str) -> str:  # noqa: ARG001 - what the model asks
        """Read the pages."""
        return "\n".join(texts)

    tool = FunctionTool.from_defaults(read, return_direct=True)
    agent = FunctionAgent(tools=[tool], llm=llm, system_prompt=PROMPT, streaming=mode == "stream")
    agent = secure(agent) if protected else agent

    async def ask() -> None:
        answer = await agent.run(QUESTION, memory=_memory())
        await llm.achat([answer.response])

    run_async(ask())


# What LlamaIndex writes before a text that it retrieved, or an answer that it got.
_LABELS = r"file:|Document \d+:|Source \d+:|Sub question:.*\nResponse:|Question:|Answer:|- "


def _flow(name: str, run: Callable[..., None], **more: Any) -> Flow:
    return Flow("llama_index", name, run, labels=_LABELS, **more)


_CHOICE = '[{"choice": 1, "reason": "It fits."}]'
_QUESTIONS = '{"items": [{"sub_question": "What of the nest?", "tool_name": "pages"}]}'
_ACTION = 'Thought: I must read.\nAction: read\nAction Input: {"query": "birds"}'
_DONE = "Thought: I can answer without using any more tools.\nAnswer: It was read."

FLOWS: list[Flow] = [
    *(
        _flow(f"response mode {name}", _response_mode(name))
        for name in ("compact", "refine", "tree_summarize", "simple_summarize")
    ),
    *(
        _flow(f"response mode {name}", _response_mode(name), modes=("sync", "async"))
        for name in ("accumulate", "compact_accumulate")
    ),
    _flow("small context window", _small_window),
    _flow("node postprocessor", _postprocessor),
    _flow("prompt of one's own", _prompt),
    _flow("LLMRerank", _engine_of(_reranked), modes=("sync", "async")),
    _flow("retriever_mode llm", _engine_of(_chosen), modes=("sync", "async")),
    _flow("update_prompts after secure", _engine_of(_compact, _renamed), modes=("sync", "async")),
    _flow("data messages condensed", _retold, modes=("sync", "async")),
    _flow("CitationQueryEngine", _citation, modes=("sync", "async")),
    _flow("RouterQueryEngine", _router, answers=[_CHOICE], modes=("sync", "async")),
    _flow("SubQuestionQueryEngine", _sub_question, answers=[_QUESTIONS], modes=("sync", "async")),
    _flow("MultiStepQueryEngine", _multi_step, modes=("sync",)),
    _flow("TransformQueryEngine", _transform),
    *(
        _flow(f"chat engine {name}", _chat(name))
        for name in ("context", "condense_plus_context", "condense_question")
    ),
    _flow("FunctionAgent", _agent(FunctionAgent), modes=("async", "stream")),
    _flow("FunctionAgent, return_direct", _direct, modes=("async", "stream")),
    _flow("ReActAgent", _agent(ReActAgent), answers=[_ACTION, _DONE], modes=("async", "stream")),
    _flow(
        "AgentWorkflow",
        _agent(FunctionAgent, wrap=lambda agent: AgentWorkflow(agents=[agent])),
        modes=("async", "stream"),
    ),
]
