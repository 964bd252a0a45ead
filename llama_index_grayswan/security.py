"""One call that keeps untrusted text out of an engine's or an agent's trusted roles.

What a prompt template of LlamaIndex is filled with has a name: `context_str` is retrieved text,
`existing_answer` is what the model made of some and may quote it. So an engine is secured
by having its templates mark the values of these variables, whoever fills them in: they are marked
when all splitting and packing of chunks is over, so nothing cuts them, marks take no room in
the context window, and the nodes that a response names as its sources stay as they are.

What tools bring in is marked by the tools themselves (`untrusted_tool`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any, TypeVar

from llama_index.core.agent.workflow import AgentWorkflow
from llama_index.core.agent.workflow.base_agent import BaseWorkflowAgent
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.chat_engine import (
    CondensePlusContextChatEngine,
    CondenseQuestionChatEngine,
    ContextChatEngine,
    SimpleChatEngine,
)
from llama_index.core.chat_engine.utils import get_response_synthesizer
from llama_index.core.evaluation import BaseEvaluator
from llama_index.core.prompts import BasePromptTemplate, SelectorPromptTemplate
from llama_index.core.prompts.mixin import PromptMixin
from llama_index.core.query_engine import (
    CitationQueryEngine,
    MultiStepQueryEngine,
    RetrieverQueryEngine,
    RetryGuidelineQueryEngine,
    RetryQueryEngine,
    RouterQueryEngine,
    SubQuestionQueryEngine,
    TransformQueryEngine,
)
from llama_index.core.response_synthesizers import BaseSynthesizer
from llama_index.core.tools import BaseTool, QueryEngineTool

from grayswan_core import ConfigurationError
from grayswan_core.untrusted.values import mark_all, mark_untrusted
from llama_index_grayswan.untrusted import untrusted_tool

__all__ = ["secure"]

_T = TypeVar("_T")

_CONTEXT = ("context_str", "context_msg", "existing_answer")


def secure(target: _T) -> _T:
    """Keep untrusted text out of the trusted roles of an engine or an agent.

    ```python
    engine = secure(index.as_query_engine())
    agent = secure(FunctionAgent(tools=[search], llm=GraySwan()))
    ```

    The engine or agent is changed, with all that is in it: the engines of a router, the steps of
    a chat engine, the tools of an agent and the engines behind them. Securing it again changes
    nothing. To work, the model has to be a `GraySwan`: it takes the marks off again.

    Args:
        target: A query engine, chat engine, agent, agent workflow or response synthesizer.

    Returns:
        The same.

    Raises:
        ConfigurationError: it, or a part of it, is of a kind that this cannot secure.
    """
    _secure(target)
    return target


@singledispatch
def _secure(target: Any) -> None:
    raise ConfigurationError(
        f"secure() does not know how a {type(target).__name__} uses what it retrieves. Give it"
        " nodes that are marked (UntrustedNodePostprocessor), tools that are (untrusted_tool),"
        " or a response synthesizer that is secured."
    )


@_secure.register
def _(synthesizer: BaseSynthesizer) -> None:
    if getattr(synthesizer, "_multimodal", False):
        raise ConfigurationError(
            f"This {type(synthesizer).__name__} shows the model images, and Cygnet reads text only."
        )
    _secure_prompts(synthesizer, _CONTEXT)


@_secure.register
def _(evaluator: BaseEvaluator) -> None:
    _secure_prompts(evaluator, (*_CONTEXT, "response"))


@_secure.register(RetrieverQueryEngine)
@_secure.register(CitationQueryEngine)
def _(engine: Any) -> None:
    _secure(engine._response_synthesizer)  # noqa: SLF001 - it has no public name


@_secure.register
def _(engine: RouterQueryEngine) -> None:
    _secure(engine._summarizer)  # noqa: SLF001
    for part in engine._query_engines:  # noqa: SLF001
        _secure(part)


@_secure.register
def _(engine: SubQuestionQueryEngine) -> None:
    _secure(engine._response_synthesizer)  # noqa: SLF001
    for part in engine._query_engines.values():  # noqa: SLF001
        _secure(part)


@_secure.register
def _(engine: TransformQueryEngine) -> None:
    _secure(engine._query_engine)  # noqa: SLF001


@_secure.register
def _(engine: MultiStepQueryEngine) -> None:
    _secure(engine._query_engine)  # noqa: SLF001
    _secure(engine._response_synthesizer)  # noqa: SLF001
    # Here `context_str` is the summary of the index, which the program wrote.
    _secure_prompts(engine._query_transform, ("prev_reasoning",))  # noqa: SLF001


@_secure.register
def _(engine: RetryQueryEngine) -> None:
    _secure(engine._query_engine)  # noqa: SLF001
    _secure(engine._evaluator)  # noqa: SLF001


@_secure.register
def _(engine: RetryGuidelineQueryEngine) -> None:
    _secure(engine._query_engine)  # noqa: SLF001
    _secure(engine._guideline_evaluator)  # noqa: SLF001


@_secure.register
def _(engine: ContextChatEngine) -> None:
    _secure_templates(engine, ("_context_template", "_context_refine_template"), _CONTEXT)


@_secure.register
def _(engine: CondensePlusContextChatEngine) -> None:
    templates = ("_context_prompt_template", "_context_refine_prompt_template")
    _secure_templates(engine, templates, _CONTEXT)
    _secure_history(engine)


@_secure.register
def _(engine: CondenseQuestionChatEngine) -> None:
    _secure(engine._query_engine)  # noqa: SLF001
    _secure_history(engine)


@_secure.register
def _(engine: SimpleChatEngine) -> None:
    """It brings nothing in."""


@_secure.register
def _(agent: BaseWorkflowAgent) -> None:
    if agent.tool_retriever is not None:
        raise ConfigurationError(
            "secure() cannot reach tools that an agent retrieves. Put tools that are wrapped in"
            " untrusted_tool into its retriever."
        )
    agent.tools = [_secured_tool(tool) for tool in agent.tools or ()]


@_secure.register
def _(workflow: AgentWorkflow) -> None:
    for agent in workflow.agents.values():
        _secure(agent)


def _secured_tool(tool: BaseTool | Callable[..., Any]) -> BaseTool:
    if isinstance(tool, QueryEngineTool):
        _secure(tool.query_engine)
    return untrusted_tool(tool)


def _secure_prompts(owner: PromptMixin, names: Collection[str]) -> None:
    secured = {key: _marking(prompt, names) for key, prompt in owner.get_prompts().items()}
    owner.update_prompts(secured)


def _secure_templates(engine: Any, templates: Collection[str], names: Collection[str]) -> None:
    # The engine makes a synthesizer for each message; older ones leave the mappings out of it.
    if "qa_function_mappings" not in inspect.signature(get_response_synthesizer).parameters:
        raise ConfigurationError("To secure a chat engine, install a newer llama-index-core.")
    for name in templates:
        setattr(engine, name, _marking(getattr(engine, name), names))


def _secure_history(engine: Any) -> None:
    """What the model said may quote what it read; so it is marked where a prompt retells it."""
    for name in ("_condense_question", "_acondense_question"):
        condense = getattr(engine, name)
        if not isinstance(condense, _MarkedHistory):
            setattr(engine, name, _MarkedHistory(condense))


@dataclass(frozen=True)
class _MarkedHistory:
    """A chat engine's way to a question that stands alone, from a history with marked answers."""

    condense: Callable[..., Any]

    def __call__(self, chat_history: Sequence[ChatMessage], *args: Any, **kwargs: Any) -> Any:
        marked = [
            ChatMessage(mark_untrusted(message.content or ""), role=message.role)
            if message.role == MessageRole.ASSISTANT
            else message
            for message in chat_history
        ]
        return self.condense(marked, *args, **kwargs)


def _marking(prompt: BasePromptTemplate, names: Collection[str]) -> BasePromptTemplate:
    """A copy of a template that marks what these variables are filled with."""
    parser = prompt.output_parser
    prompt = prompt.partial_format()  # copies, where `deepcopy` may fail at the parser
    prompt.output_parser = parser
    if isinstance(prompt, SelectorPromptTemplate):
        prompt.default_template = _marking(prompt.default_template, names)
        prompt.conditionals = [
            (condition, _marking(each, names)) for condition, each in prompt.conditionals or ()
        ]
        return prompt
    mappings = dict(prompt.function_mappings or {})
    for name in names:
        if name in (*prompt.template_vars, *(prompt.template_var_mappings or {})):
            mappings[name] = _marked_by(name, mappings.get(name))
    prompt.function_mappings = mappings
    return prompt


@dataclass(frozen=True)
class _MarkedVariable:
    """A template's function for one variable: its value, marked."""

    name: str
    inner: Callable[..., Any] | None

    def __call__(self, **values: Any) -> Any:
        value = self.inner(**values) if self.inner else values.get(self.name, "")
        # Where there is nothing yet, some engines say so to the template.
        return value if value == "None" else mark_all(value)


def _marked_by(name: str, inner: Callable[..., Any] | None) -> _MarkedVariable:
    return inner if isinstance(inner, _MarkedVariable) else _MarkedVariable(name, inner)
