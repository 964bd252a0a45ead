"""`CygnalMiddleware`: an agent of which everything is judged."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

try:
    from langchain.agents.middleware import AgentMiddleware, AgentState, ModelRequest
except ImportError as error:
    raise ImportError("CygnalMiddleware needs LangChain's agents: pip install langchain") from error

from langchain.agents.middleware.types import ModelCallResult, ToolCallRequest
from langchain_core.callbacks import AsyncCallbackManager, CallbackManager
from langchain_core.callbacks.base import BaseCallbackManager
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.runnables.config import ensure_config
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime
from langgraph.types import Command

from grayswan_core import ConfigurationError, CygnalGuard, Judgement
from grayswan_core.cygnal.check import Check
from grayswan_core.cygnal.history import REFUSED_CALL, data_check, newest_input
from grayswan_core.cygnal.protection import ExitBehavior, Mode, Protection, Streaming
from grayswan_core.cygnal.window import monitor_messages
from grayswan_core.decoding.tool_calls import past_call
from langchain_grayswan.errors import langchain_errors
from langchain_grayswan.guard.checks import arun_checks, run_checks
from langchain_grayswan.guard.protecting import protected
from langchain_grayswan.guard.reading import DIALECT, read, read_all
from langchain_grayswan.guard.refusing import (
    REPORT,
    is_refused_input,
    placeholder,
    removed_result,
    report_of,
    violation_error,
)

__all__ = ["CygnalMiddleware"]


class CygnalMiddleware(AgentMiddleware[AgentState[Any], Any, Any]):
    """Judges an agent's input, tool calls, tool results and responses.

    ```python
    agent = create_agent(model, tools, middleware=[CygnalMiddleware(CygnalGuard())])
    ```

    The model is protected as `protect` does it, so nothing flagged is streamed. Calls are judged
    again where a person has edited them, before the tool runs. A flagged message of the user's is
    replaced in the state by a placeholder, and a flagged result of a tool, or the text of its
    error, by one of its own; calls are never left unanswered. Put it last, so that no other
    middleware changes the model behind it.

    Args:
        guard: Who judges.
        check_input: As in `protect`, like all that follow.
        check_tool_calls: See there.
        check_tool_results: See there.
        check_output: See there.
        exit_behavior: See there. A flagged result of a tool is replaced and the run goes on, but
            with `error`.
        violation_message: See there.
        streaming: See there.
        window: See there.
        mode: See there.
    """

    def __init__(
        self,
        guard: CygnalGuard,
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
    ) -> None:
        super().__init__()
        with langchain_errors():
            self.protection = Protection(
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

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Any]
    ) -> ModelCallResult[Any]:
        """Call the model protected."""
        response: ModelCallResult[Any] = _judged(handler(self._protected(request)))
        return response

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[Any]]
    ) -> ModelCallResult[Any]:
        """`wrap_model_call`, async."""
        response: ModelCallResult[Any] = _judged(await handler(self._protected(request)))
        return response

    def after_model(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Replace a flagged message of the user's in the state."""
        return _without_refused_input(state["messages"])

    async def aafter_model(
        self, state: AgentState[Any], runtime: Runtime[Any]
    ) -> dict[str, Any] | None:
        """`after_model`, async."""
        return _without_refused_input(state["messages"])

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Any]
    ) -> ToolMessage | Command[Any]:
        """Judge a call that nobody has judged yet, and the tool's result."""
        guard, manager = self.protection.guard, manager_of(request, CallbackManager)
        if check := self._call_check(request):
            (judgement,) = run_checks(guard, [check], manager)
            if judgement.blocked and self.protection.blocks:
                return self._refused_call(request, judgement)
        failure: Exception | None = None
        try:
            result = handler(request)
        except GraphBubbleUp:  # no error: the graph is interrupted, for example
            raise
        except Exception as error:  # noqa: BLE001 - raised again, unless its text is flagged
            failure, result = error, _error_message(request, error)
        judgements = run_checks(guard, self._result_checks(request, result), manager)
        taken: ToolMessage | Command[Any] = self._taken(request, result, judgements)
        if failure is not None and taken is result:
            raise failure
        return taken

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Any]]
    ) -> ToolMessage | Command[Any]:
        """`wrap_tool_call`, async."""
        guard, manager = self.protection.guard, manager_of(request, AsyncCallbackManager)
        if check := self._call_check(request):
            (judgement,) = await arun_checks(guard, [check], manager)
            if judgement.blocked and self.protection.blocks:
                return self._refused_call(request, judgement)
        failure: Exception | None = None
        try:
            result = await handler(request)
        except GraphBubbleUp:  # no error: the graph is interrupted, for example
            raise
        except Exception as error:  # noqa: BLE001 - raised again, unless its text is flagged
            failure, result = error, _error_message(request, error)
        judgements = await arun_checks(guard, self._result_checks(request, result), manager)
        taken: ToolMessage | Command[Any] = self._taken(request, result, judgements)
        if failure is not None and taken is result:
            raise failure
        return taken

    def _protected(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        with langchain_errors():
            return request.override(model=protected(request.model, self.protection))

    def _call_check(self, request: ToolCallRequest) -> Check | None:
        """How a call is judged that was not allowed as it stands, as after a person edited it."""
        made = request.tool_call
        call = past_call(made["id"], made["name"], made["args"])
        if not self.protection.check_tool_calls or self.protection.guard.has_approved(call):
            return None
        context = read_all(_before_calls(request.state))
        return Check(monitor_messages("ai", "", tool_calls=[call]), ("tool_call",), context)

    def _result_checks(self, request: ToolCallRequest, result: Any) -> list[Check]:
        if not self.protection.check_tool_results:
            return []
        context = read_all(_up_to_calls(request.state))
        return [data_check(read(each), context) for each in _results(result, request.state)]

    def _taken(self, request: ToolCallRequest, result: Any, judgements: list[Judgement]) -> Any:
        """A tool's result, each flagged message in it replaced."""
        results = _results(result, request.state) if judgements else []
        flagged = {
            id(message): removed_result(message, self._blocked(judgement))
            for message, judgement in zip(results, judgements, strict=True)
            if judgement.blocked and self.protection.blocks
        }
        return _replaced(result, flagged) if flagged else result

    def _blocked(self, judgement: Judgement) -> Judgement:
        if self.protection.exit_behavior == "error":
            raise violation_error(self.protection, judgement)
        return judgement

    def _refused_call(self, request: ToolCallRequest, judgement: Judgement) -> ToolMessage:
        self._blocked(judgement)
        return ToolMessage(
            content=REFUSED_CALL.format(reasons=", ".join(judgement.reasons)),
            tool_call_id=request.tool_call["id"] or "",
            name=request.tool_call["name"],
            status="error",
            additional_kwargs={REPORT: judgement.report()},
        )


def manager_of(
    request: ToolCallRequest, kind: type[CallbackManager | AsyncCallbackManager]
) -> BaseCallbackManager:
    """The manager for the children of the node that makes a call."""
    config = getattr(request.runtime, "config", None) or ensure_config()
    return kind.configure(config.get("callbacks"))


def _error_message(request: ToolCallRequest, error: Exception) -> ToolMessage:
    """What a tool's error says, as its result."""
    return ToolMessage(
        content=str(error),
        tool_call_id=request.tool_call["id"] or "",
        name=request.tool_call["name"],
        status="error",
    )


def _judged(response: Any) -> Any:
    """The response, if every message of it has been judged.

    Raises:
        ConfigurationError: another middleware put another model, or a message of its own, in.
    """
    inner = getattr(response, "model_response", response)
    for message in getattr(inner, "result", [inner]):
        if isinstance(message, AIMessage) and report_of(message) is None:
            raise ConfigurationError(
                "A response came from a model that is not protected. Put CygnalMiddleware last in"
                " the list, after any middleware that changes the model or answers in its place."
            )
    return response


def _without_refused_input(messages: list[Any]) -> dict[str, Any] | None:
    answer = next((each for each in reversed(messages) if isinstance(each, AIMessage)), None)
    if answer is None or not (
        is_refused_input(answer) or (report_of(answer) or {}).get("input_replaced")
    ):
        return None
    return {"messages": [placeholder(each) for each in messages[newest_input(messages, DIALECT)]]}


def _messages(state: Any) -> list[BaseMessage]:
    if isinstance(state, list):
        return state
    found = state.get("messages") if isinstance(state, dict) else getattr(state, "messages", None)
    return list(found or ())


def _up_to_calls(state: Any) -> list[BaseMessage]:
    """The conversation up to the calls that are being made."""
    messages = _messages(state)
    end = len(messages)
    while end and not isinstance(messages[end - 1], AIMessage):
        end -= 1
    return messages[:end]


def _before_calls(state: Any) -> list[BaseMessage]:
    return _up_to_calls(state)[:-1]


def _results(result: Any, state: Any) -> list[BaseMessage]:
    """The tool messages in a result, also in a `Command`, which the state does not have yet."""
    known = {id(each) for each in _messages(state)}
    return [each for each in _tool_messages(result) if id(each) not in known]


def _tool_messages(value: Any) -> Iterator[ToolMessage]:
    if isinstance(value, ToolMessage):
        yield value
    elif isinstance(value, Command):
        yield from _tool_messages(value.update)
    elif isinstance(value, dict):
        yield from _tool_messages(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _tool_messages(each)


def _replaced(value: Any, by: dict[int, BaseMessage]) -> Any:
    if isinstance(value, ToolMessage):
        return by.get(id(value), value)
    if isinstance(value, Command):
        return dataclasses.replace(value, update=_replaced(value.update, by))
    if isinstance(value, dict):
        return {key: _replaced(each, by) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_replaced(each, by) for each in value)
    return value
