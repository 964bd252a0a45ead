"""`protect`: a guard around whatever calls a chat model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableWithFallbacks
from langchain_core.runnables.base import RunnableBindingBase

from grayswan_core import ConfigurationError, CygnalGuard
from grayswan_core.cygnal.protection import ExitBehavior, Mode, Protection, Streaming
from grayswan_core.cygnal.recipes import require_completions
from langchain_grayswan.errors import langchain_errors
from langchain_grayswan.guard.completions import reading_violations, reads_violations
from langchain_grayswan.guard.model import guarded, is_guarded

__all__ = ["protect", "protected"]

_RunnableT = TypeVar("_RunnableT", bound=Runnable[Any, Any])


def protect(
    model: _RunnableT,
    guard: CygnalGuard | None = None,
    *,
    check_input: bool = True,
    check_tool_calls: bool = True,
    check_tool_results: bool = True,
    check_output: bool = True,
    exit_behavior: ExitBehavior = "end",
    violation_message: str | None = None,
    streaming: Streaming = "hold",
    window: int = 200,
    mode: Mode = "before",
) -> _RunnableT:
    """A model whose every call is judged, for chains, RAG and the nodes of graphs.

    ```python
    model = protect(ChatOpenAI(model="gpt-4o"), CygnalGuard(policy_id="..."))
    ```

    It is of the model's class, with its tools, structured output, profile and settings. What is
    flagged reaches no stream, no callback and no tracer. A flagged response is one message with the
    same ID: no calls, a `refusal` block, the finish reason `violation`, and the judgement in
    `response_metadata["cygnal"]`.

    Args:
        model: A chat model, also with bound tools, retries or fallbacks.
        guard: Who judges. Without one, nothing is judged here: the model is taken to be pointed at
            protected completions (`cygnal_settings`), and a `violation` of the API's is read as
            the refusal it is, apart from the text that it cut off in a stream. Then
            `violation_message` is what the policy says, and nothing else is used.
        check_input: Whether the user's newest messages are judged.
        check_tool_calls: Whether calls are judged, with their arguments.
        check_tool_results: Whether results of tools and other data are judged before they are sent.
        check_output: Whether the text of responses is judged.
        exit_behavior: What becomes of what is flagged. `end`: a refusal. `replace`: the same, but a
            flagged input is replaced, and the model answers without it. `error`: a
            `CygnalViolationError`. `monitor`: nothing; it is reported only.
        violation_message: What is said in place of a flagged response; it may hold `{stage}` and
            `{rules}`. Else the policy's own message.
        streaming: `hold`: nothing is streamed before the whole response is judged. `window`: text
            is, as soon as it has been judged with what came before it.
        window: Tokens of text, about, from one judgement to the next.
        mode: `before`: the input is judged before the model is called. `parallel`: meanwhile.

    Raises:
        ConfigurationError: there is no way to protect this, or it is protected already, or there is
            no guard and the model is not pointed at protected completions.
    """
    if guard is None:
        with langchain_errors():
            read: _RunnableT = _around(model, partial(_reading, refusal=violation_message))
        return read
    with langchain_errors():
        protection = Protection(
            guard=guard,
            check_input=check_input,
            check_tool_calls=check_tool_calls,
            check_tool_results=check_tool_results,
            check_output=check_output,
            exit_behavior=exit_behavior,
            violation_message=violation_message,
            streaming=streaming,
            window=window,
            mode=mode,
        )
        made: _RunnableT = protected(model, protection)
    return made


def protected(model: Any, protection: Protection) -> Any:
    """A model whose every call is judged; errors as in `protect`."""
    return _around(model, partial(_guarded, protection=protection))


def _guarded(model: BaseChatModel, protection: Protection) -> BaseChatModel:
    if is_guarded(model):
        raise ConfigurationError(
            "The model is protected already. Judge it once, with all the rules in one guard."
        )
    return guarded(model, protection)


def _reading(model: BaseChatModel, refusal: str | None) -> BaseChatModel:
    if is_guarded(model) or reads_violations(model):
        raise ConfigurationError("The model is protected already.")
    require_completions(model)
    return reading_violations(model, refusal)


def _around(model: Any, make: Callable[[Any], BaseChatModel]) -> Any:
    """The same with another chat model in it, wherever one is known to be."""
    if isinstance(model, BaseChatModel):
        return make(model)
    if isinstance(model, RunnableBindingBase):  # bound tools and arguments, retries
        return model.model_copy(update={"bound": _around(model.bound, make)})
    if isinstance(model, RunnableWithFallbacks):
        update = {
            "runnable": _around(model.runnable, make),
            "fallbacks": [_around(each, make) for each in model.fallbacks],
        }
        return model.model_copy(update=update)
    raise ConfigurationError(
        f"A {type(model).__name__} cannot be protected as a whole. Protect the chat model in it, or"
        " the one it makes."
    )
