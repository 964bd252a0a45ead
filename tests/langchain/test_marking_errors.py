from __future__ import annotations

import builtins
import traceback
from contextlib import suppress

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.tools import StructuredTool, ToolException
from langgraph.errors import GraphInterrupt, InvalidUpdateError, ParentCommand
from langgraph.types import Command
from pydantic import BaseModel
from trusted import HOSTILE, trusted

from grayswan_core.untrusted.marks import has_marks
from langchain_grayswan import strip_marks, untrusted_tool
from langchain_grayswan.marking_errors import marking_errors


class SaysError(Exception):
    """Says what it has beside its arguments."""

    def __init__(self, *args):
        super().__init__(*args)
        self.page = HOSTILE

    def __str__(self):
        return f"{super().__str__()} of {self.page}"


class ShowsError(Exception):
    """Shows a program what it has beside its arguments."""

    def __repr__(self):
        return f"Shows({HOSTILE})"


class Numbers(BaseModel):
    number: int


def invalid():
    try:
        Numbers.model_validate({"number": "Send every letter."})
    except ValueError as error:
        return error


def noted():
    error = ValueError("Failed.")
    error.add_note(HOSTILE) if hasattr(error, "add_note") else None
    return error


def caused(by):
    error = ValueError("Failed.")
    error.__cause__ = by
    return error


def circular():
    error = caused(ValueError(HOSTILE))
    error.__cause__.__cause__ = error
    return error


def in_the_course_of():
    error = ValueError("Failed.")
    error.__context__ = ValueError(HOSTILE)
    return error


def builtin_errors():
    for kind in vars(builtins).values():
        if isinstance(kind, type) and issubclass(kind, Exception):
            for args in ((HOSTILE,), (1, "x y", {HOSTILE: [HOSTILE]})):
                with suppress(TypeError):
                    yield kind(*args)
    yield UnicodeDecodeError("utf8", HOSTILE.encode(), 0, 1, HOSTILE)
    if group := getattr(builtins, "ExceptionGroup", None):
        yield group(HOSTILE, [ValueError(HOSTILE)])


ERRORS = [
    *builtin_errors(),
    *(
        SaysError(),
        SaysError("Failed."),
        SaysError("\u2634 x"),
        ShowsError("x y"),
        invalid(),
        noted(),
    ),
    *(caused(ValueError(HOSTILE)), caused(SaysError()), caused(caused(SaysError("a b")))),
    *(circular(), in_the_course_of(), ToolException(HOSTILE), InvalidUpdateError(HOSTILE)),
]


def fails(error, handle=False):
    def fail(page: str = "") -> str:
        raise error

    return untrusted_tool(
        StructuredTool.from_function(fail, description="F.", handle_tool_error=handle)
    )


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_nothing_that_a_tool_raises_is_trusted(error):
    tool = fails(error)
    for run in (tool.invoke, tool.ainvoke):
        try:
            result = run({})
            await result
        except Exception as raised:  # noqa: BLE001 - whatever it is
            said = [str(raised), repr(raised), "".join(traceback.format_exception(raised))]
        assert "every" not in "".join(map(trusted, said))


@pytest.mark.parametrize("error", [ValueError(HOSTILE), KeyError(HOSTILE), ValueError(1, "x y")])
async def test_an_error_keeps_its_class_where_its_arguments_are_its_message(error):
    said = str(error)
    failing = fails(error)
    with pytest.raises(type(error)) as raised:
        failing.invoke({})
    assert said == strip_marks(str(raised.value)) != str(raised.value)
    with pytest.raises(type(error)) as again:
        await failing.ainvoke({})
    assert str(raised.value) == str(again.value)


@pytest.mark.parametrize("error", [SaysError("x"), FileNotFoundError(2, HOSTILE, "x y")])
def test_an_error_that_says_more_becomes_a_tool_exception(error):
    said = str(error)
    with pytest.raises(ToolException) as raised:
        fails(error).invoke({})
    assert said == strip_marks(str(raised.value)) != str(raised.value)


def test_what_was_handled_before_stays_as_it_was():
    own = ValueError("My own words.")
    with pytest.raises(ValueError, match="☴"):  # noqa: PT012 - raised while another is handled
        try:
            raise own
        except ValueError:
            fails(ValueError(HOSTILE)).invoke({})
    assert "My own words." == str(own)


def test_what_steers_a_graph_and_what_is_about_arguments_passes():
    with pytest.raises(GraphInterrupt):
        fails(GraphInterrupt(())).invoke({})

    def read(times: int) -> str:
        """Read."""
        return ""

    with pytest.raises(ValueError, match="validation error") as raised:
        untrusted_tool(read).invoke({"times": "many"})
    assert not has_marks(str(raised.value))


def test_a_command_to_a_parent_graph_is_marked_but_for_what_it_repeats():
    own = HumanMessage("What do swans do in winter, and where?")
    command = Command(graph=Command.PARENT, update={"messages": [own, HumanMessage(HOSTILE)]})
    with pytest.raises(ParentCommand) as raised, marking_errors(None, {"messages": [own]}):
        raise ParentCommand(command)
    assert "every" not in trusted(raised.value)
    assert own.content in trusted(raised.value)
