"""Tool calls of careless gateways, streamed through both adapters: whole, or an error."""

from __future__ import annotations

import pytest
from fault_table import DONE, STREAM, Fault, delta, sse
from ways import OURS, outcome_of
from wire_server import LAST_CHUNK, stream

from grayswan_core import IncompleteStreamError


def piece(arguments, *, index=0, finish_reason=None, **more):
    part = {"index": index, "function": {"arguments": arguments, **more}}
    return sse(delta(finish_reason, tool_calls=[part]))


def calls_of(outcome):
    """Name and arguments, in either framework's form."""
    return [
        (call["name"], call["args"])
        if isinstance(call, dict)
        else (call.tool_name, call.tool_kwargs)
        for call in outcome.calls
    ]


def play(server, make, is_async, *events):
    fault = Fault("", (*stream(*events), LAST_CHUNK), tools=True)
    server.play_always(*fault.steps)
    return outcome_of(OURS[make], STREAM, server.url, fault, is_async=is_async)


PIECES = [('{"am', {"name": "pay"}), ('ount": 1', {}), ("00}", {})]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("make", ["langchain", "llama"])
@pytest.mark.parametrize("index", [0, 1, 7])
@pytest.mark.parametrize("reason", [None, "tool_calls", "stop"])
def test_a_call_is_kept_whatever_its_index_and_however_often_it_finishes(
    server, make, is_async, index, reason
):
    events = [piece(text, index=index, finish_reason=reason, **more) for text, more in PIECES]
    outcome = play(server, make, is_async, *events, sse(delta("tool_calls")), DONE)
    assert outcome.error is None
    assert [("pay", {"amount": 100})] == calls_of(outcome)


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("make", OURS)
def test_no_call_is_made_of_arguments_that_go_on_after_a_finish_reason(server, make, is_async):
    events = [piece(text, finish_reason="stop", **more) for text, more in PIECES[:2]]
    outcome = play(server, make, is_async, *events)
    assert isinstance(outcome.error, IncompleteStreamError)
    assert [] == outcome.calls
    (kept,) = outcome.error.partial.choices[0].message.tool_calls
    assert '{"amount": 1' == kept.function.arguments


@pytest.mark.parametrize("is_async", [False, True])
def test_where_one_call_is_wanted_the_first_that_comes_is_kept(server, is_async):
    first = [piece(text, index=3, **more) for text, more in PIECES]
    other = piece('{"amount": 5}', index=1, name="pay")
    outcome = play(server, "llama", is_async, *first[:2], other, first[2],
                   sse(delta("tool_calls")), DONE)  # fmt: skip
    assert [("pay", {"amount": 100})] == calls_of(outcome)
