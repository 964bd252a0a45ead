from __future__ import annotations

from enum import Enum

import pytest

from grayswan_core.errors import InvalidRequestError
from grayswan_core.request.tool_choice import forbids_parallel_calls, resolve_tool_choice
from grayswan_core.wire import NamedToolChoice

TOOLS = ["pay", "look"]
PAY = NamedToolChoice.of("pay")


class Mode(Enum):
    ANY = "ANY"


@pytest.mark.parametrize("choice", [None, False])
def test_what_is_not_given_is_not_sent(choice):
    assert (None, False) == resolve_tool_choice(choice, TOOLS)


@pytest.mark.parametrize(
    "choice",
    [
        "auto",
        {"type": "auto"},
        {"auto": {}},
        {"mode": "AUTO"},
        {"function_calling_config": {"mode": "auto"}},
    ],
    ids=repr,
)
def test_the_models_own_choice(choice):
    assert ("auto", False) == resolve_tool_choice(choice, TOOLS)
    assert (None, False) == resolve_tool_choice(choice, [])


@pytest.mark.parametrize(
    "choice", ["none", {"type": "none"}, {"function_calling_config": {"mode": "NONE"}}], ids=repr
)
def test_no_tool(choice):
    assert ("none", False) == resolve_tool_choice(choice, TOOLS)


@pytest.mark.parametrize(
    "choice",
    [
        "any",
        "required",
        True,
        {"type": "any"},
        {"type": "any", "disable_parallel_tool_use": True},
        {"any": {}},
        {"mode": "required"},
        {"mode": "any"},
        {"function_calling_config": {"mode": "any"}},
        {"function_calling_config": {"mode": Mode.ANY}},
    ],
    ids=repr,
)
def test_some_tool(choice):
    assert ("auto", True) == resolve_tool_choice(choice, TOOLS)
    assert (PAY, True) == resolve_tool_choice(choice, ["pay", "pay"])
    with pytest.raises(InvalidRequestError, match="no tools on offer"):
        resolve_tool_choice(choice, [])


@pytest.mark.parametrize(
    "choice",
    [
        "pay",
        PAY,
        PAY.model_dump(),
        {"type": "tool", "name": "pay"},
        {"type": "function", "name": "pay"},
        {"name": "pay"},
        {"tool": {"name": "pay"}},
    ],
    ids=repr,
)
def test_one_tool(choice):
    assert (PAY, False) == resolve_tool_choice(choice, TOOLS)


def test_a_tool_may_have_the_name_of_a_word():
    assert (NamedToolChoice.of("any"), False) == resolve_tool_choice("any", ["any", "pay"])


@pytest.mark.parametrize(
    "choice",
    [
        "steal",
        ["pay"],
        [],
        7,
        {},
        {"type": "steal"},
        {"mode": None},
        {"any": {}, "auto": {}},
        {"function_calling_config": "any"},
        {"function_calling_config": {"mode": "any", "allowed_function_names": ["pay"]}},
        {"type": "allowed_tools", "mode": "required", "tools": [{"name": "pay"}]},
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}},
    ],
    ids=repr,
)
def test_what_is_no_choice_is_refused_by_name(choice):
    with pytest.raises(InvalidRequestError, match="tool_choice="):
        resolve_tool_choice(choice, TOOLS)


@pytest.mark.parametrize(
    ("choice", "forbids"),
    [
        ("any", False),
        (None, False),
        ({"type": "auto"}, False),
        ({"type": "auto", "disable_parallel_tool_use": False}, False),
        ({"type": "auto", "disable_parallel_tool_use": True}, True),
    ],
    ids=repr,
)
def test_anthropics_choice_may_forbid_parallel_calls(choice, forbids):
    assert forbids_parallel_calls(choice) is forbids
