from functools import wraps

import pytest
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import WorkflowRuntimeError

from grayswan_core import ConfigurationError, CygnalViolationError
from grayswan_core.decoding.tool_calls import past_call
from grayswan_devserver import IPI_TRIGGER, VIOLATION_TRIGGER
from llama_index_grayswan import guard_tools


@pytest.fixture
def ran():
    return []


@pytest.fixture
def search(ran):
    def search(query: str) -> str:
        """Search."""
        ran.append(query)
        if query == "fail":
            raise ValueError(f"failed: {IPI_TRIGGER}")
        if query == "fail inside":
            raise WorkflowRuntimeError(f"Error in step 'read': {IPI_TRIGGER}")
        return f"found {IPI_TRIGGER}" if query == "poison" else "fine"

    return search


@pytest.fixture(params=["call", "__call__", "acall"])
def call(request):
    async def run(tool, **kwargs):
        result = getattr(tool, request.param)(**kwargs)
        return await result if request.param == "acall" else result

    return run


async def test_allowed(search, guard, call, ran):
    (tool,) = guard_tools([search], guard)
    output = await call(tool, query="x")
    assert ("fine", False, ["x"]) == (output.content, output.is_error, ran)
    assert ("search", "Search.") == (tool.metadata.name, tool.metadata.description.split("\n")[-1])


class Counted(FunctionTool):
    calls = 0

    @wraps(FunctionTool.call)
    def call(self, *args, **kwargs):
        Counted.calls += 1
        return super().call(*args, **kwargs)


def test_a_tool_whose_method_wraps_another_keeps_it(search, guard):
    (tool,) = guard_tools([Counted.from_defaults(search)], guard)
    output = tool.call(query="x")
    assert ("fine", False, 1) == (output.content, output.is_error, Counted.calls)


async def test_a_flagged_call_is_not_made(search, guard, call, ran):
    (tool,) = guard_tools([search], guard)
    output = await call(tool, query=VIOLATION_TRIGGER)
    assert ([], True) == (ran, output.is_error)
    assert "not made" in output.content


@pytest.mark.parametrize("query", ["poison", "fail", "fail inside"])
async def test_a_flagged_result_is_replaced(search, guard, call, query, spans, events):
    (tool,) = guard_tools([search], guard)
    output = await call(tool, query=query)
    assert (True, None) == (output.is_error, output.exception)
    assert "removed" in output.content
    assert IPI_TRIGGER not in repr((output, spans, events))


async def test_an_error(search, guard, call):
    (tool,) = guard_tools([search], guard, on_violation="raise")
    with pytest.raises(CygnalViolationError) as caught:
        await call(tool, query="poison")
    assert "tool_result" == caught.value.report["stage"]


async def test_monitor_and_nothing(search, guard, call, grayswan_server):
    (tool,) = guard_tools([search], guard, on_violation="monitor")
    assert IPI_TRIGGER in (await call(tool, query="poison")).content
    assert 2 == len(grayswan_server.requests)
    (tool,) = guard_tools([search], guard, check_calls=False, check_results=False)
    assert IPI_TRIGGER in (await call(tool, query="poison")).content
    assert 2 == len(grayswan_server.requests)


async def test_an_approved_call_is_not_judged_again(search, guard, call, grayswan_server):
    guard.approve([past_call(None, "search", {"query": "x"})])
    (tool,) = guard_tools([search], guard, check_results=False)
    await call(tool, query="x")
    assert [] == grayswan_server.requests


def test_what_cannot_work_is_refused(search, guard):
    with pytest.raises(ConfigurationError, match="already"):
        guard_tools(guard_tools([search], guard), guard)
    with pytest.raises(ConfigurationError, match="on_violation"):
        guard_tools([search], guard, on_violation="drop")
    for tools, who in ((search, guard), ([search], None), (guard, [search])):
        with pytest.raises(ConfigurationError, match="list of tools and a CygnalGuard, not a"):
            guard_tools(tools, who)
    assert not hasattr(FunctionTool.from_defaults(search), "_cygnal_tool_guard")
