"""A middleware that marks what an agent's tools bring in. It needs `langchain`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any

try:
    from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
except ImportError as error:
    raise ImportError("UntrustedTools needs LangChain's agents: pip install langchain") from error

from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.types import Command

from grayswan_core import ConfigurationError
from langchain_grayswan.marking import marked_result
from langchain_grayswan.marking_errors import marking_errors
from langchain_grayswan.marking_tools import described_elsewhere, tool_name

__all__ = ["UntrustedTools"]

_Result = ToolMessage | Command[Any]


class UntrustedTools(AgentMiddleware[Any, Any]):
    """Marks what all tools of an agent say as untrusted: results, errors, what a `Command` carries.

    ```python
    agent = create_agent(model, tools, middleware=[UntrustedTools(foreign=["search"])])
    ```

    Tools that other middleware adds, or that come while the agent runs, are marked as well. Let it
    be the first middleware, so that it sees what the others make of a result.

    Args:
        foreign: The names of tools that are described by somebody else, as by an MCP server; or
            True for all. Their descriptions and schemas are marked, and their names checked.

    Raises:
        ConfigurationError: `foreign` is a text.
    """

    def __init__(self, *, foreign: Collection[str] | bool = ()) -> None:
        super().__init__()
        if isinstance(foreign, str):
            raise ConfigurationError(
                f"foreign= takes a list of tools' names, or True for all: [{foreign!r}]."
            )
        self._foreign = foreign if isinstance(foreign, bool) else frozenset(foreign)

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], _Result]
    ) -> _Result:
        """The tool's result, marked."""
        with marking_errors(request.tool, request.state):
            return self._marked(handler(request), request)

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[_Result]]
    ) -> _Result:
        """`wrap_tool_call`, async."""
        with marking_errors(request.tool, request.state):
            return self._marked(await handler(request), request)

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """The model's response to a request whose foreign tools are marked."""
        return handler(self._described(request))

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        """`wrap_model_call`, async."""
        return await handler(self._described(request))

    def _marked(self, result: _Result, request: ToolCallRequest) -> _Result:
        marked: _Result = marked_result(result, request.state)
        return marked

    def _described(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        if not self._foreign:
            return request
        tools = [described_elsewhere(t) if self._is_foreign(t) else t for t in request.tools]
        return request.override(tools=tools)

    def _is_foreign(self, tool: BaseTool | dict[str, Any]) -> bool:
        if isinstance(self._foreign, bool):
            return self._foreign
        return tool_name(tool) in self._foreign
