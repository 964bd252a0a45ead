"""What each class of LlamaIndex does with text, by the class's full name.

A class that is not listed is refused. `trusted` names the variables of its templates that are
filled with words of the user or of the program; every other variable is filled with retrieved
text, or with what a model made of some, and is marked. The table was written from the source of
`llama-index-core` 0.14.25; a test finds the classes there by reflection and fails for a
missing one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["CUSTOM", "ROWS", "Refused", "Row", "Secured", "ShowsNothing"]


@dataclass(frozen=True)
class Secured:
    """Shows text to a model, and has the untrusted part of it marked."""

    trusted: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ShowsNothing:
    """Shows no untrusted text to a model. What it holds is looked at all the same."""


@dataclass(frozen=True)
class Refused:
    """Shows text to a model in a way that `secure` cannot mark; `advice` says what to do."""

    advice: str


Row: TypeAlias = Secured | ShowsNothing | Refused

CUSTOM = Secured(frozenset({"query_str", "query", "question"}))
"""For a class of the user's own that they vouch for."""

_CORE = "llama_index.core"


def _secured(*trusted: str) -> Secured:
    return Secured(frozenset(trusted))


_NOTHING = ShowsNothing()
_IMAGES = Refused("It shows the model images, and Cygnet reads text only.")
_GRAPH = Refused(
    "Retrieve from the graph with a PGRetriever of VectorContextRetriever and LLMSynonymRetriever."
)
_SQL_JOIN = Refused(
    "Query the database and the index by two engines, and let an agent or a"
    " SubQuestionQueryEngine combine them."
)
_FLARE = Refused("Use a MultiStepQueryEngine or a RetryQueryEngine.")

_GENERATES = Refused(
    "It makes engines while it runs. Ask for questions by a query engine that is secured."
)

_QUERY_ENGINES: dict[str, Row] = {
    "query_engine.retriever_query_engine.RetrieverQueryEngine": _secured(),
    "query_engine.citation_query_engine.CitationQueryEngine": _secured(),
    "query_engine.router_query_engine.RouterQueryEngine": _secured(),
    "query_engine.router_query_engine.ToolRetrieverRouterQueryEngine": _secured(),
    "query_engine.router_query_engine.RetrieverRouterQueryEngine": Refused(
        "It makes engines while it runs. Use a ToolRetrieverRouterQueryEngine."
    ),
    "query_engine.sub_question_query_engine.SubQuestionQueryEngine": _secured(),
    "query_engine.multistep_query_engine.MultiStepQueryEngine": _secured(),
    "query_engine.transform_query_engine.TransformQueryEngine": _secured(),
    "query_engine.retry_query_engine.RetryQueryEngine": _secured(),
    "query_engine.retry_query_engine.RetryGuidelineQueryEngine": _secured(),
    "query_engine.retry_source_query_engine.RetrySourceQueryEngine": Refused(
        "It makes engines while it runs. Use a RetryQueryEngine."
    ),
    "query_engine.graph_query_engine.ComposableGraphQueryEngine": Refused(
        "It makes engines while it runs. Use a RecursiveRetriever or a RouterQueryEngine."
    ),
    "query_engine.flare.base.FLAREInstructQueryEngine": _FLARE,
    "query_engine.flare.answer_inserter.LLMLookaheadAnswerInserter": _FLARE,
    "query_engine.flare.answer_inserter.DirectLookaheadAnswerInserter": _FLARE,
    "query_engine.knowledge_graph_query_engine.KnowledgeGraphQueryEngine": _GRAPH,
    "query_engine.multi_modal.SimpleMultiModalQueryEngine": _IMAGES,
    "query_engine.sql_join_query_engine.SQLJoinQueryEngine": _SQL_JOIN,
    "query_engine.sql_join_query_engine.SQLAugmentQueryTransform": _SQL_JOIN,
    "query_engine.sql_vector_query_engine.SQLAutoVectorQueryEngine": _SQL_JOIN,
    "query_engine.cogniswitch_query_engine.CogniswitchQueryEngine": _NOTHING,
    "indices.struct_store.sql_query.NLSQLTableQueryEngine": _secured("query_str"),
    "indices.struct_store.sql_query.SQLTableRetrieverQueryEngine": _secured("query_str"),
    "indices.struct_store.sql_query.PGVectorSQLQueryEngine": _secured("query_str"),
    "indices.struct_store.sql_query.SQLStructStoreQueryEngine": _NOTHING,
    "indices.struct_store.sql_query.NLStructStoreQueryEngine": Refused(
        "Use an NLSQLTableQueryEngine."
    ),
    "indices.struct_store.json_query.JSONQueryEngine": Refused(
        "Give an agent a tool that reads the JSON, in untrusted_tool."
    ),
}

_RETRIEVERS: dict[str, Row] = {
    "indices.list.retrievers.SummaryIndexRetriever": _NOTHING,
    "indices.list.retrievers.SummaryIndexEmbeddingRetriever": _NOTHING,
    "indices.list.retrievers.SummaryIndexLLMRetriever": _secured("query_str"),
    "indices.document_summary.retrievers.DocumentSummaryIndexEmbeddingRetriever": _NOTHING,
    "indices.document_summary.retrievers.DocumentSummaryIndexLLMRetriever": _secured("query_str"),
    "indices.tree.all_leaf_retriever.TreeAllLeafRetriever": _NOTHING,
    "indices.tree.tree_root_retriever.TreeRootRetriever": _NOTHING,
    "indices.tree.select_leaf_retriever.TreeSelectLeafRetriever": _secured(
        "query_str", "num_chunks", "branching_factor"
    ),
    "indices.tree.select_leaf_embedding_retriever.TreeSelectLeafEmbeddingRetriever": _secured(
        "query_str", "num_chunks", "branching_factor"
    ),
    "indices.keyword_table.retrievers.KeywordTableGPTRetriever": _secured(
        "question", "max_keywords"
    ),
    "indices.keyword_table.retrievers.KeywordTableRAKERetriever": _NOTHING,
    "indices.keyword_table.retrievers.KeywordTableSimpleRetriever": _NOTHING,
    "indices.vector_store.retrievers.retriever.VectorIndexRetriever": _NOTHING,
    "indices.vector_store.retrievers.auto_retriever.auto_retriever.VectorIndexAutoRetriever": (
        _secured("query_str", "schema_str", "info_str")
    ),
    "indices.empty.retrievers.EmptyIndexRetriever": _NOTHING,
    "indices.multi_modal.retriever.MultiModalVectorIndexRetriever": _NOTHING,
    "indices.struct_store.sql_retriever.SQLRetriever": _NOTHING,
    # A schema may be written by whoever fills the database: comments, and rows as examples.
    "indices.struct_store.sql_retriever.NLSQLRetriever": _secured("query_str", "dialect"),
    "indices.knowledge_graph.retrievers.KGTableRetriever": _GRAPH,
    "indices.knowledge_graph.retrievers.KnowledgeGraphRAGRetriever": _GRAPH,
    "indices.property_graph.retriever.PGRetriever": _NOTHING,
    "indices.property_graph.sub_retrievers.vector.VectorContextRetriever": _NOTHING,
    "indices.property_graph.sub_retrievers.llm_synonym.LLMSynonymRetriever": _secured(
        "query_str", "max_keywords"
    ),
    "indices.property_graph.sub_retrievers.cypher_template.CypherTemplateRetriever": _GRAPH,
    "indices.property_graph.sub_retrievers.text_to_cypher.TextToCypherRetriever": _GRAPH,
    "retrievers.auto_merging_retriever.AutoMergingRetriever": _NOTHING,
    # Its template is a plain text that is filled with the query alone.
    "retrievers.fusion_retriever.QueryFusionRetriever": _NOTHING,
    "retrievers.recursive_retriever.RecursiveRetriever": _NOTHING,
    "retrievers.router_retriever.RouterRetriever": _NOTHING,
    "retrievers.transform_retriever.TransformRetriever": _NOTHING,
    "evaluation.benchmarks.hotpotqa.HotpotQARetriever": _NOTHING,
    "objects.base.ObjectRetriever": _NOTHING,
    "objects.base_node_mapping.SimpleObjectNodeMapping": _NOTHING,
    "objects.fn_node_mapping.FnNodeMapping": Refused(
        "It makes objects while it runs. Let the ObjectIndex keep the tools themselves."
    ),
    "objects.table_node_mapping.SQLTableNodeMapping": _NOTHING,
    "objects.base_node_mapping.BaseObjectNodeMapping": _NOTHING,
    "objects.tool_node_mapping.BaseToolNodeMapping": _NOTHING,
    "objects.tool_node_mapping.BaseQueryToolNodeMapping": _NOTHING,
    "objects.tool_node_mapping.SimpleToolNodeMapping": _NOTHING,
    "objects.tool_node_mapping.SimpleQueryToolNodeMapping": _NOTHING,
}

_POSTPROCESSORS: dict[str, Row] = {
    "postprocessor.llm_rerank.LLMRerank": _secured("query_str"),
    "postprocessor.structured_llm_rerank.StructuredLLMRerank": _secured("query_str"),
    "postprocessor.rankGPT_rerank.RankGPTRerank": _secured("query", "num"),
    "postprocessor.pii.PIINodePostprocessor": _secured(),
    "postprocessor.pii.NERPIINodePostprocessor": _NOTHING,
    "postprocessor.metadata_replacement.MetadataReplacementPostProcessor": _NOTHING,
    "postprocessor.node.AutoPrevNextNodePostprocessor": Refused(
        "It shows nodes to a model by a synthesizer that it makes while it runs. Use a"
        " PrevNextNodePostprocessor."
    ),
    "postprocessor.node.KeywordNodePostprocessor": _NOTHING,
    "postprocessor.node.LongContextReorder": _NOTHING,
    "postprocessor.node.PrevNextNodePostprocessor": _NOTHING,
    "postprocessor.node.SimilarityPostprocessor": _NOTHING,
    "postprocessor.node_recency.EmbeddingRecencyPostprocessor": _NOTHING,
    "postprocessor.node_recency.FixedRecencyPostprocessor": _NOTHING,
    "postprocessor.node_recency.TimeWeightedPostprocessor": _NOTHING,
    "postprocessor.optimizer.SentenceEmbeddingOptimizer": _NOTHING,
    "postprocessor.sbert_rerank.SentenceTransformerRerank": _NOTHING,
}

_SYNTHESIZERS: dict[str, Row] = {
    "response_synthesizers.accumulate.Accumulate": _secured("query_str"),
    "response_synthesizers.compact_and_accumulate.CompactAndAccumulate": _secured("query_str"),
    "response_synthesizers.compact_and_refine.CompactAndRefine": _secured("query_str"),
    "response_synthesizers.refine.Refine": _secured("query_str"),
    "response_synthesizers.simple_summarize.SimpleSummarize": _secured("query_str"),
    "response_synthesizers.tree_summarize.TreeSummarize": _secured("query_str"),
    "response_synthesizers.generation.Generation": _secured("query_str"),
    "response_synthesizers.context_only.ContextOnly": _NOTHING,
    "response_synthesizers.no_text.NoText": _NOTHING,
}

_CHAT_ENGINES: dict[str, Row] = {
    "chat_engine.context.ContextChatEngine": _secured(),
    # The history holds marks where it retells what is no word of the user's.
    "chat_engine.condense_plus_context.CondensePlusContextChatEngine": _secured(
        "chat_history", "question"
    ),
    "chat_engine.condense_question.CondenseQuestionChatEngine": _secured(
        "chat_history", "question"
    ),
    "chat_engine.simple.SimpleChatEngine": _NOTHING,
    "chat_engine.multi_modal_context.MultiModalContextChatEngine": _IMAGES,
    "chat_engine.multi_modal_condense_plus_context.MultiModalCondensePlusContextChatEngine": (
        _IMAGES
    ),
}

# What they retell beside the messages themselves is what a model made of these.
_MEMORIES: dict[str, Row] = {
    "memory.chat_memory_buffer.ChatMemoryBuffer": _NOTHING,
    "memory.chat_summary_memory_buffer.ChatSummaryMemoryBuffer": _secured(),
    # Its template is filled with what its blocks give, marked; a static one gives its own words.
    "memory.memory.Memory": _secured("memory_blocks"),
    "memory.memory_blocks.static.StaticMemoryBlock": _NOTHING,
    "memory.memory_blocks.vector.VectorMemoryBlock": _secured(),
    "memory.memory_blocks.fact.FactExtractionMemoryBlock": _secured("max_facts"),
    "memory.simple_composable_memory.SimpleComposableMemory": _secured(),
    "memory.vector_memory.VectorMemory": _NOTHING,
}

_AGENTS: dict[str, Row] = {
    "agent.workflow.function_agent.FunctionAgent": _secured("msg"),
    "agent.workflow.react_agent.ReActAgent": _secured("msg"),
    "agent.workflow.codeact_agent.CodeActAgent": _secured("msg", "tool_descriptions"),
    "agent.workflow.multi_agent_workflow.AgentWorkflow": _secured("msg", "agent_info", "to_agent"),
}

_TOOLS: dict[str, Row] = {
    "tools.function_tool.FunctionTool": _secured(),
    "tools.query_engine.QueryEngineTool": _secured(),
    "tools.eval_query_engine.EvalQueryEngineTool": _secured(),
    "tools.query_plan.QueryPlanTool": _secured(),
    "tools.retriever_tool.RetrieverTool": _secured(),
    "tools.ondemand_loader_tool.OnDemandLoaderTool": _secured(),
    "tools.types.BaseToolAsyncAdapter": _secured(),
    "tools.tool_spec.load_and_search.base.LoadAndSearchToolSpec": _secured(),
    "tools.tool_spec.base.BaseToolSpec": _NOTHING,
}

_EVALUATORS: dict[str, Row] = {
    "evaluation.answer_relevancy.AnswerRelevancyEvaluator": _secured("query"),
    "evaluation.context_relevancy.ContextRelevancyEvaluator": _secured("query_str"),
    "evaluation.correctness.CorrectnessEvaluator": _secured("query"),
    # What it asks is whether the response is supported: the response is its query.
    "evaluation.faithfulness.FaithfulnessEvaluator": _secured(),
    "evaluation.guideline.GuidelineEvaluator": _secured("query", "guidelines"),
    "evaluation.pairwise.PairwiseComparisonEvaluator": _secured("query"),
    # Its query holds the response, marked.
    "evaluation.relevancy.RelevancyEvaluator": _secured("query_str"),
    "evaluation.semantic_similarity.SemanticSimilarityEvaluator": _NOTHING,
    "evaluation.multi_modal.faithfulness.MultiModalFaithfulnessEvaluator": _IMAGES,
    "evaluation.multi_modal.relevancy.MultiModalRelevancyEvaluator": _IMAGES,
    "evaluation.dataset_generation.DatasetGenerator": _GENERATES,
    "llama_dataset.generator.RagDatasetGenerator": _GENERATES,
}

_QUERIES: dict[str, Row] = {
    "indices.query.query_transform.base.IdentityQueryTransform": _NOTHING,
    "indices.query.query_transform.base.HyDEQueryTransform": _secured("context_str"),
    # Here `context_str` is the summary of the index, which the program wrote.
    "indices.query.query_transform.base.DecomposeQueryTransform": _secured(
        "query_str", "context_str"
    ),
    "indices.query.query_transform.base.StepDecomposeQueryTransform": _secured(
        "query_str", "context_str"
    ),
    "indices.query.query_transform.base.ImageOutputQueryTransform": _secured(
        "query_str", "image_width"
    ),
    "indices.query.query_transform.feedback_transform.FeedbackQueryTransformation": _secured(
        "query_str"
    ),
    # Selectors and question generators show the names and descriptions of tools.
    "question_gen.llm_generators.LLMQuestionGenerator": _secured("tools_str", "query_str"),
    "selectors.embedding_selectors.EmbeddingSingleSelector": _NOTHING,
    "selectors.llm_selectors.LLMSingleSelector": _secured(
        "num_choices", "context_list", "query_str"
    ),
    "selectors.llm_selectors.LLMMultiSelector": _secured(
        "num_choices", "max_outputs", "context_list", "query_str"
    ),
    "selectors.pydantic_selectors.PydanticSingleSelector": _NOTHING,
    "selectors.pydantic_selectors.PydanticMultiSelector": _NOTHING,
}

_TABLES = (
    _QUERY_ENGINES,
    _RETRIEVERS,
    _POSTPROCESSORS,
    _SYNTHESIZERS,
    _CHAT_ENGINES,
    _MEMORIES,
    _AGENTS,
    _TOOLS,
    _EVALUATORS,
    _QUERIES,
)

_ELSEWHERE: dict[str, Row] = {
    "llama_index_grayswan.untrusted.UntrustedNodePostprocessor": _NOTHING,
    # A monitor judges texts, and follows no instructions.
    "llama_index_grayswan.guard.nodes.CygnalNodePostprocessor": _NOTHING,
    "llama_index_grayswan.security.parts.MarkedVerdicts": _NOTHING,
    "llama_index.question_gen.openai.base.OpenAIQuestionGenerator": _NOTHING,
    "llama_index.server.tools.index.citation.NodeCitationProcessor": _NOTHING,
    "llama_index.retrievers.bm25.base.BM25Retriever": _NOTHING,
    # Its model scores texts, and follows no instructions.
    "llama_index.postprocessor.cohere_rerank.base.CohereRerank": _NOTHING,
}

ROWS: dict[str, Row] = {
    **{f"{_CORE}.{name}": row for table in _TABLES for name, row in table.items()},
    **_ELSEWHERE,
}
"""What is known of each class, by its full name."""
