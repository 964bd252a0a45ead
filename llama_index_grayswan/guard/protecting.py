"""`protect`: a guard around an LLM."""

from __future__ import annotations

from typing import TypeVar

from llama_index.core.llms.llm import LLM

from grayswan_core import ConfigurationError, CygnalGuard
from grayswan_core.cygnal.protection import ExitBehavior, Mode, Protection, Streaming
from grayswan_core.cygnal.recipes import require_completions
from llama_index_grayswan.guard.completions import reading_violations, reads_violations
from llama_index_grayswan.guard.llm import guarded, is_guarded

__all__ = ["protect"]

_L = TypeVar("_L", bound=LLM)


def protect(
    llm: _L,
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
) -> _L:
    """An LLM whose every call is judged, for engines, agents and programs of your own.

    ```python
    Settings.llm = protect(OpenAI(model="gpt-4o"), CygnalGuard(policy_id="..."))
    ```

    It is of the LLM's class, with its tools, structured output and settings. What is flagged
    reaches no stream, no event handler, no callback and no span. A flagged response is one message
    without calls; its `additional_kwargs` have the finish reason `violation`, and the judgement as
    `cygnal`.

    Args:
        llm: Any LLM.
        guard: Who judges. Without one, nothing is judged here: the LLM is taken to be pointed at
            protected completions (`cygnal_settings`), and a `violation` of the API's is read as
            the refusal it is, apart from the text that it cut off in a stream. Then
            `violation_message` is what the policy says, and nothing else is used.
        check_input: Whether the user's newest messages are judged.
        check_tool_calls: Whether calls are judged, with their arguments.
        check_tool_results: Whether results of tools and other data are judged before they are sent.
        check_output: Whether the text of responses is judged.
        exit_behavior: What becomes of what is flagged. `end`: a refusal. `replace`: the same, but a
            flagged input is replaced, and the LLM answers without it. `error`: a
            `CygnalViolationError`. `monitor`: nothing; it is reported only.
        violation_message: What is said in place of a flagged response; it may hold `{stage}` and
            `{rules}`. Else the policy's own message.
        streaming: `hold`: nothing is streamed before the whole response is judged. `window`: text
            is, as soon as it has been judged with what came before it.
        window: Tokens of text, about, from one judgement to the next.
        mode: `before`: the input is judged before the LLM is called. `parallel`: meanwhile.

    Raises:
        ConfigurationError: it is no LLM, or protected already, or there is no guard and the LLM is
            not pointed at protected completions.
    """
    if not isinstance(llm, LLM):
        raise ConfigurationError(
            f"A {type(llm).__name__} cannot be protected as a whole. Protect the LLM in it."
        )
    if guard is None:
        return _reading(llm, violation_message)
    if is_guarded(llm):
        raise ConfigurationError(
            "The LLM is protected already. Judge it once, with all the rules in one guard."
        )
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
    return guarded(llm, protection)


def _reading(llm: _L, refusal: str | None) -> _L:
    if is_guarded(llm) or reads_violations(llm):
        raise ConfigurationError("The LLM is protected already.")
    require_completions(llm)
    return reading_violations(llm, refusal)
