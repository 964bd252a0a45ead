"""Tools whose calls and results are judged, for any agent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cache
from types import MethodType
from typing import Any, Literal

from llama_index.core.base.llms.types import ContentBlock, TextBlock
from llama_index.core.tools import AsyncBaseTool, BaseTool, FunctionTool, ToolOutput
from llama_index.core.workflow import Context

from grayswan_core import ConfigurationError, CygnalGuard, CygnalViolationError, Judgement
from grayswan_core.cygnal.check import Check
from grayswan_core.cygnal.history import REFUSED_CALL, REMOVED_RESULT
from grayswan_core.cygnal.window import monitor_messages
from grayswan_core.decoding.tool_calls import past_call
from llama_index_grayswan.guard.events import arun_checks, run_checks
from llama_index_grayswan.guard.reading import content_of
from llama_index_grayswan.subclassing import subclass
from llama_index_grayswan.tool_marking import waits_for_event

__all__ = ["guard_tools"]

_GUARD = "_cygnal_tool_guard"


@dataclass(frozen=True)
class _ToolGuard:
    guard: CygnalGuard
    check_calls: bool
    check_results: bool
    on_violation: Literal["replace", "raise", "monitor"]

    def call_checks(self, tool: BaseTool, arguments: dict[str, Any]) -> list[Check]:
        """How a call is judged, unless the model's response with it was allowed."""
        plain = {key: each for key, each in arguments.items() if not isinstance(each, Context)}
        call = past_call(None, tool.metadata.get_name(), plain)
        if not self.check_calls or self.guard.has_approved(call):
            return []
        return [Check(monitor_messages("ai", "", tool_calls=[call]), ("tool_call",))]

    def result_checks(self, blocks: Sequence[ContentBlock]) -> list[Check]:
        if not self.check_results:
            return []
        judged = monitor_messages("tool", [content_of(block) for block in blocks])
        return [Check(judged, ("tool_result",))]

    def blocks(self, judgements: Sequence[Judgement]) -> Judgement | None:
        """The judgement that blocks, if one does.

        Raises:
            CygnalViolationError: it does, and that is to be an error.
        """
        blocked = next((each for each in judgements if each.blocked), None)
        if blocked is None or self.on_violation == "monitor":
            return None
        if self.on_violation == "raise":
            why = ", ".join(blocked.reasons)
            message = f"Cygnal blocked the {blocked.stage} of a tool ({why})."
            raise CygnalViolationError(message, report=blocked.report())
        return blocked


def guard_tools(
    tools: Iterable[BaseTool | Callable[..., Any]],
    guard: CygnalGuard,
    *,
    check_calls: bool = True,
    check_results: bool = True,
    on_violation: Literal["replace", "raise", "monitor"] = "replace",
) -> list[BaseTool]:
    """Tools whose calls are judged before they are made, and whose results are judged after.

    ```python
    agent = FunctionAgent(tools=guard_tools([search], guard), llm=protect(llm, guard))
    ```

    Each keeps its class, its name and its schema. A call that was allowed in the response of an LLM
    with the same guard is not judged again. The text of a tool's error is a result like any other.

    Args:
        tools: Tools, which are left as they are, or functions to make some of.
        guard: Who judges.
        check_calls: Whether calls are judged.
        check_results: Whether results are judged.
        on_violation: What becomes of what is flagged. `replace`: the call is not made, or a
            placeholder stands in place of the result. `raise`: a `CygnalViolationError`.
            `monitor`: nothing; it is reported only.

    Raises:
        ConfigurationError: a tool is guarded already, or there is no list of tools, no guard, or an
            unknown setting.
    """
    given: Any = tools
    if not isinstance(given, Iterable) or not isinstance(guard, CygnalGuard):
        raise ConfigurationError(
            "guard_tools() takes a list of tools and a CygnalGuard, not a"
            f" {type(tools).__name__} and a {type(guard).__name__}."
        )
    if on_violation not in ("replace", "raise", "monitor"):
        raise ConfigurationError(
            f"on_violation is 'replace', 'raise' or 'monitor', not {on_violation!r}."
        )
    settings = _ToolGuard(guard, check_calls, check_results, on_violation)
    return [_guarded(tool, settings) for tool in tools]


def _guarded(tool: BaseTool | Callable[..., Any], settings: _ToolGuard) -> BaseTool:
    plain = tool if isinstance(tool, BaseTool) else FunctionTool.from_defaults(tool)
    if hasattr(plain, _GUARD):
        raise ConfigurationError(f"The tool {plain.metadata.get_name()!r} is guarded already.")
    guarded = copy(plain)
    kind = _GuardedAsyncTool if isinstance(plain, AsyncBaseTool) else _GuardedTool
    guarded.__class__ = _guarded_class(kind, type(plain))
    vars(guarded)[_GUARD] = settings
    return guarded


class _GuardedTool(BaseTool):
    """What `guard_tools` puts before a tool's own class."""

    def __call__(self, *args: Any, **kwargs: Any) -> ToolOutput:
        return _judged(self, _unseen(super().__call__), args, kwargs)  # type: ignore[safe-super]


class _GuardedAsyncTool(_GuardedTool, AsyncBaseTool):
    def __call__(self, *args: Any, **kwargs: Any) -> ToolOutput:
        return self.call(*args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> ToolOutput:
        return _judged(self, _unseen(super().call), args, kwargs)  # type: ignore[safe-super]

    async def acall(self, *args: Any, **kwargs: Any) -> ToolOutput:
        return await _ajudged(self, _unseen(super().acall), args, kwargs)  # type: ignore[safe-super]


def _unseen(method: Callable[..., Any]) -> Callable[..., Any]:
    """A tool's own method without its span, which would tell the result before it is judged."""
    inner = getattr(method, "__wrapped__", None)
    # What `functools.wraps` leaves there is no method of the tool: it is not bound.
    return inner if isinstance(inner, MethodType) else method


@cache
def _guarded_class(kind: type[BaseTool], tool_class: type[BaseTool]) -> type[BaseTool]:
    return subclass(f"Guarded{tool_class.__name__}", (kind, tool_class), {})


def _judged(
    tool: BaseTool, call: Callable[..., ToolOutput], args: Any, kwargs: dict[str, Any]
) -> ToolOutput:
    settings: _ToolGuard = getattr(tool, _GUARD)
    given = _arguments(args, kwargs)
    checks = settings.call_checks(tool, given)
    if blocked := settings.blocks(run_checks(checks, settings.guard)):
        return _output(tool, given, REFUSED_CALL, blocked)
    try:
        output: ToolOutput = call(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - its text is judged, and handed on
        output = _failure(tool, error, given)
    checks = settings.result_checks(output.blocks)
    if blocked := settings.blocks(run_checks(checks, settings.guard)):
        return _output(tool, given, REMOVED_RESULT, blocked)
    return output


async def _ajudged(tool: BaseTool, call: Callable[..., Any], args: Any, kwargs: Any) -> ToolOutput:
    settings: _ToolGuard = getattr(tool, _GUARD)
    given = _arguments(args, kwargs)
    checks = settings.call_checks(tool, given)
    if blocked := settings.blocks(await arun_checks(checks, settings.guard)):
        return _output(tool, given, REFUSED_CALL, blocked)
    try:
        output: ToolOutput = await call(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - its text is judged, and handed on
        output = _failure(tool, error, given)
    checks = settings.result_checks(output.blocks)
    if blocked := settings.blocks(await arun_checks(checks, settings.guard)):
        return _output(tool, given, REMOVED_RESULT, blocked)
    return output


def _arguments(args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    positional = {str(number): each for number, each in enumerate(args)}
    return {**positional, **kwargs}


def _failure(tool: BaseTool, error: Exception, given: dict[str, Any]) -> ToolOutput:
    if waits_for_event(error):
        raise error
    return ToolOutput(
        content=str(error) or type(error).__name__,
        tool_name=tool.metadata.get_name(),
        raw_input=given,
        raw_output=None,
        is_error=True,
        exception=error,
    )


def _output(tool: BaseTool, given: dict[str, Any], text: str, judgement: Judgement) -> ToolOutput:
    return ToolOutput(
        blocks=[TextBlock(text=text.format(reasons=", ".join(judgement.reasons)))],
        tool_name=tool.metadata.get_name(),
        raw_input=given,
        raw_output={"cygnal": judgement.report()},
        is_error=True,
    )
