"""What some classes need beside templates that mark: methods that `guard` puts before their own.

They are written as classes, and yet they are no base classes: to take on a class with another
first base, an object would have to be laid out anew. So they call the part's own class by name.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from llama_index.core.agent.workflow.base_agent import BaseWorkflowAgent
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.chat_engine.utils import get_response_synthesizer
from llama_index.core.evaluation import BaseEvaluator, EvaluationResult
from llama_index.core.prompts import BasePromptTemplate
from llama_index.core.response_synthesizers import Refine
from llama_index.core.tools import BaseTool, FunctionTool
from llama_index.core.workflow import Context

from grayswan_core import ConfigurationError
from grayswan_core.untrusted.values import mark_untrusted
from llama_index_grayswan.security.guard import guard
from llama_index_grayswan.security.prompts import MarkingText
from llama_index_grayswan.subclassing import own_class
from llama_index_grayswan.tool_marking import is_described_elsewhere
from llama_index_grayswan.untrusted import mark_late

__all__ = ["METHODS", "MakesEngines", "MarkedVerdicts"]


def _own(part: object) -> Any:
    return own_class(part)


class _RankGPT:
    """It writes passages into user messages by hand, `[1] passage`, cut to a length."""

    def create_permutation_instruction(self, item: dict[str, Any]) -> list[ChatMessage]:
        messages = _own(self).create_permutation_instruction(self, item)
        prefix = len(self._get_prefix_prompt("", 0))  # type: ignore[attr-defined]
        return [
            _marked_passage(message) if prefix <= place < len(messages) - 1 else message
            for place, message in enumerate(messages)
        ]


def _marked_passage(message: ChatMessage) -> ChatMessage:
    number, _, passage = (message.content or "").partition(" ")
    if message.role != MessageRole.USER or not passage:
        return message
    return ChatMessage(f"{number} {mark_late(passage)}", role=message.role)


class _MasksPII:
    """It makes its template anew for each text."""

    def mask_pii(self, text: str) -> Any:
        return _own(self).mask_pii(self, mark_late(text))


class _CondensesHistory:
    """It retells the conversation to the model, to get a question that stands alone.

    What the model said may quote what it read; so it is marked, like what tools returned.
    """

    def _condense_question(self, chat_history: Sequence[ChatMessage], *args: Any) -> str:
        condense = _own(self)._condense_question  # noqa: SLF001 - its one place
        return str(condense(self, _marked_history(chat_history), *args))

    async def _acondense_question(self, chat_history: Sequence[ChatMessage], *args: Any) -> str:
        condense = _own(self)._acondense_question  # noqa: SLF001
        return str(await condense(self, _marked_history(chat_history), *args))


_OWN_WORDS = (MessageRole.USER, MessageRole.SYSTEM, MessageRole.DEVELOPER)


def _marked_history(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    return [
        message
        if message.role in _OWN_WORDS
        else ChatMessage(mark_late(message.content or ""), role=message.role)
        for message in messages
    ]


class _SumsUpHistory:
    """It retells the conversation to the model, and the system's message tells its summary."""

    def _get_prompt_to_summarize(self, messages: Sequence[ChatMessage]) -> Any:
        retell = _own(self)._get_prompt_to_summarize  # noqa: SLF001
        return retell(self, _marked_history(messages))

    def _summarize_oldest_chat_history(self, messages: Sequence[ChatMessage]) -> Any:
        summarize = _own(self)._summarize_oldest_chat_history  # noqa: SLF001
        return mark_late(summarize(self, messages))


class _RetellsHistory:
    """It writes messages of other memories into the system's message."""

    def _format_secondary_messages(self, histories: Sequence[Sequence[ChatMessage]]) -> Any:
        retell = _own(self)._format_secondary_messages  # noqa: SLF001
        return retell(self, [_marked_history(each) for each in histories])


class _KeepsFacts:
    """What the model made of the conversation is written into the system's message."""

    async def _aget(self, *args: Any, **kwargs: Any) -> Any:
        facts = await _own(self)._aget(self, *args, **kwargs)  # noqa: SLF001
        return mark_late(facts)


class _FillsHistory:
    """It makes a synthesizer for each message, of its template's text and the history."""

    def prepare_parts(self) -> None:
        # Older ones do not hand on what computes a template's variables.
        if "qa_function_mappings" not in inspect.signature(get_response_synthesizer).parameters:
            raise ConfigurationError("To secure a chat engine, install a newer llama-index-core.")


class _CondensesAndFillsHistory(_CondensesHistory, _FillsHistory):
    pass


class _Refines:
    """It may be given a function that makes programs, which fill templates of their own."""

    def prepare_parts(self) -> None:
        factory = vars(self)["_program_factory"]
        if getattr(factory, "__func__", None) is not Refine._default_program_factory:  # noqa: SLF001
            raise ConfigurationError(
                f"secure() cannot mark what the program_factory of a {_own(self).__name__} fills"
                " in. Leave it out: structured_answer_filtering works without it."
            )


class _JudgesRelevancy:
    """It writes query and response into one query."""

    async def aevaluate(
        self, query: str | None = None, response: str | None = None, *args: Any, **kwargs: Any
    ) -> EvaluationResult:
        marked = None if response is None else mark_untrusted(response)
        evaluate = _own(self).aevaluate
        result: EvaluationResult = await evaluate(self, query, marked, *args, **kwargs)
        result.response = response
        return result


class MarkedVerdicts(BaseEvaluator):
    """An evaluator whose results are marked where they retell a response.

    Engines that retry write the bad response and the feedback into the next query.

    Args:
        evaluator: The evaluator that is asked.
    """

    def __init__(self, evaluator: BaseEvaluator) -> None:
        self.evaluator = evaluator

    def _get_prompts(self) -> Any:
        return self.evaluator._get_prompts()  # noqa: SLF001 - keys stay as they were

    def _update_prompts(self, prompts_dict: Any) -> None:
        self.evaluator._update_prompts(prompts_dict)  # noqa: SLF001

    async def aevaluate(self, *args: Any, **kwargs: Any) -> EvaluationResult:
        """What the evaluator finds, marked."""
        result = await self.evaluator.aevaluate(*args, **kwargs)
        if result.response is not None:
            result.response = mark_untrusted(result.response)
        if result.feedback not in (None, "YES", "NO"):  # which engines compare
            result.feedback = mark_untrusted(str(result.feedback))
        return result


class _Retries:
    def prepare_parts(self) -> None:
        for name in ("_evaluator", "_guideline_evaluator"):
            evaluator = vars(self).get(name)
            if evaluator is not None and not isinstance(evaluator, MarkedVerdicts):
                setattr(self, name, MarkedVerdicts(evaluator))


class _RetrieverEngine:
    def with_retriever(self, retriever: Any) -> Any:
        """The engine with another retriever, secured like this one."""
        other = _own(self).with_retriever(self, retriever)
        return self.secure_like(other)  # type: ignore[attr-defined]


class MakesEngines:
    """An index whose engines and retrievers are secured as they are made."""

    def as_query_engine(self, *args: Any, **kwargs: Any) -> Any:
        """An engine, secured."""
        return self.secure_like(_own(self).as_query_engine(self, *args, **kwargs))  # type: ignore[attr-defined]

    def as_chat_engine(self, *args: Any, **kwargs: Any) -> Any:
        """A chat engine, secured."""
        return self.secure_like(_own(self).as_chat_engine(self, *args, **kwargs))  # type: ignore[attr-defined]

    def as_retriever(self, *args: Any, **kwargs: Any) -> Any:
        """A retriever, secured."""
        return self.secure_like(_own(self).as_retriever(self, *args, **kwargs))  # type: ignore[attr-defined]


class _SecuredIndexClass:
    """A class of indices whose engines are secured."""

    def __init__(self, index_class: Any, owner: Any) -> None:
        self._index_class, self._owner = index_class, owner

    def from_documents(self, *args: Any, **kwargs: Any) -> Any:
        index = self._index_class.from_documents(*args, **kwargs)
        guard(index, self._owner.secure_like, MakesEngines)
        return index


class _AsksAboutDocuments:
    """A tool that puts documents into an index and answers from it."""

    def prepare_parts(self) -> None:
        attributes = vars(self)
        if not isinstance(attributes["_index_cls"], _SecuredIndexClass):
            attributes["_index_cls"] = _SecuredIndexClass(attributes["_index_cls"], self)
        if (index := attributes.get("_index")) is not None:
            guard(index, self.secure_like, MakesEngines)  # type: ignore[attr-defined]


class _Agent:
    """Its state is written by tools, and shown in front of the user's message.

    Its memory it is given for a run.
    """

    def prepare_parts(self) -> None:
        prompt = vars(self)["state_prompt"]
        if not isinstance(prompt, BasePromptTemplate):
            vars(self)["state_prompt"] = MarkingText.of(prompt, ("msg",))
        if isinstance(self, BaseWorkflowAgent) and self.tools:
            self.tools = [
                FunctionTool.from_defaults(tool) if _is_function(tool) else tool
                for tool in self.tools
            ]

    async def _init_context(self, ctx: Context[Any], ev: Any) -> None:
        await _own(self)._init_context(self, ctx, ev)  # noqa: SLF001
        self.secure_like(await ctx.store.get("memory"))  # type: ignore[attr-defined]


class _ShowsFunctions(_Agent):
    """It shows tools as Python writes their functions, whatever is said of them elsewhere."""

    def _get_tool_descriptions(self, tools: Sequence[BaseTool]) -> str:
        describe = _own(self)._get_tool_descriptions  # noqa: SLF001
        shown = [(tool, describe(self, [tool])) for tool in tools]
        return "\n\n".join(
            mark_late(text) if is_described_elsewhere(tool) else text
            for tool, text in shown
            if text
        )


def _is_function(tool: Any) -> bool:
    return callable(tool) and not hasattr(tool, "metadata")


_BY_CLASS: dict[str, type] = {
    "postprocessor.rankGPT_rerank.RankGPTRerank": _RankGPT,
    "postprocessor.pii.PIINodePostprocessor": _MasksPII,
    "chat_engine.context.ContextChatEngine": _FillsHistory,
    "chat_engine.condense_plus_context.CondensePlusContextChatEngine": _CondensesAndFillsHistory,
    "chat_engine.condense_question.CondenseQuestionChatEngine": _CondensesHistory,
    "memory.chat_summary_memory_buffer.ChatSummaryMemoryBuffer": _SumsUpHistory,
    "memory.simple_composable_memory.SimpleComposableMemory": _RetellsHistory,
    "memory.memory_blocks.fact.FactExtractionMemoryBlock": _KeepsFacts,
    "evaluation.relevancy.RelevancyEvaluator": _JudgesRelevancy,
    "response_synthesizers.refine.Refine": _Refines,
    "response_synthesizers.compact_and_refine.CompactAndRefine": _Refines,
    "query_engine.retriever_query_engine.RetrieverQueryEngine": _RetrieverEngine,
    "query_engine.retry_query_engine.RetryQueryEngine": _Retries,
    "query_engine.retry_query_engine.RetryGuidelineQueryEngine": _Retries,
    "tools.ondemand_loader_tool.OnDemandLoaderTool": _AsksAboutDocuments,
    "tools.tool_spec.load_and_search.base.LoadAndSearchToolSpec": _AsksAboutDocuments,
    "agent.workflow.function_agent.FunctionAgent": _Agent,
    "agent.workflow.react_agent.ReActAgent": _Agent,
    "agent.workflow.codeact_agent.CodeActAgent": _ShowsFunctions,
    "agent.workflow.multi_agent_workflow.AgentWorkflow": _Agent,
}

METHODS: dict[str, type] = {f"llama_index.core.{name}": each for name, each in _BY_CLASS.items()}
"""What to put before a class's own methods, by its full name."""
