"""One call that keeps untrusted text out of an engine's or an agent's trusted roles.

What a prompt template of LlamaIndex is filled with has a name: `query_str` is the user's
question, `context_str` is retrieved text, `existing_answer` is what the model made of some and
may quote it. So an engine is secured by having its templates mark all that neither the user nor
the program wrote (`prompts`). What each class shows a model is written down (`table`); the
`walk` looks up all that an engine holds, and refuses what is not there; the `guard` does so
again at each call. What tools bring in is marked by the tools themselves (`untrusted_tool`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

from llama_index.core.llms import LLM

from grayswan_core import ConfigurationError
from llama_index_grayswan.security.walk import KINDS, Walk, vouch

__all__ = ["secure"]

_T = TypeVar("_T")


def secure(target: _T, *, vouched: Collection[type] = ()) -> _T:
    """Keep untrusted text out of the trusted roles of an engine or an agent.

    ```python
    engine = secure(index.as_query_engine())
    agent = secure(FunctionAgent(tools=[search], llm=GraySwan()))
    ```

    The engine or agent is changed, with all that is in it: retrievers and postprocessors that
    ask a model, the engines of a router, the steps of a chat engine, its memory, the tools of an
    agent and the engines behind them. What is put into it later, or given to it for one run, is
    secured at the next call, or refused. Securing it again changes nothing.

    Args:
        target: A query engine, chat engine, agent, agent workflow, memory, retriever,
            postprocessor, response synthesizer, evaluator or tool.
        vouched: Classes of your own or of other packages that you have read, and that show text
            to a model by their prompt templates alone, or not at all. Of their templates every
            variable is marked but `query_str`, `query` and `question`. They stay known for the
            rest of the process.

    Returns:
        The same; of a tool, a copy.

    Raises:
        ConfigurationError: it, or a part of it, is of a class that this does not know, or shows
            text to a model in a way that cannot be marked, or has a model that does not take
            marks off.
    """
    if hasattr(target, "as_query_engine"):
        raise ConfigurationError(
            f"Secure the engine that is made from a {type(target).__name__}, not the index itself:"
            " secure(index.as_query_engine()), or index.as_chat_engine() or index.as_retriever()."
        )
    if isinstance(target, LLM):
        raise ConfigurationError(
            f"A {type(target).__name__} retrieves nothing. Secure the engine or agent that uses it:"
            " secure(index.as_query_engine(llm=llm))."
        )
    if not isinstance(target, KINDS):
        raise ConfigurationError(
            f"secure() does not know how a {type(target).__name__} uses what it retrieves. Give it"
            " an engine, an agent or a part of one."
        )
    vouch(vouched)
    return Walk(secure).part(target)  # type: ignore[no-any-return]
