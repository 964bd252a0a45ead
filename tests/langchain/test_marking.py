"""Marks on messages, documents and what tools return: wherever these hold a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
from langchain_core import messages as lc
from langchain_core.documents import Document
from langgraph.types import Command, Send
from pydantic import BaseModel, ConfigDict
from trusted import HOSTILE, trusted

from langchain_grayswan import strip_marks
from langchain_grayswan.marking import marked_document, marked_message, marked_result

MESSAGES = [
    each
    for each in (getattr(lc, name) for name in lc.__all__)
    if isinstance(each, type)
    and issubclass(each, lc.BaseMessage)
    and each not in (lc.BaseMessage, lc.BaseMessageChunk)
]
REQUIRED = {"role": "user", "tool_call_id": "1", "id": "1"}

# Of what kinds blocks are, in which fields of theirs texts may be, and how deep.
KINDS = ["text", "refusal", "tool_use", "tool_result", "anything"]
SHAPES: list[Any] = [
    HOSTILE,
    [HOSTILE],
    {"a": HOSTILE},
    {HOSTILE: 1},
    [{"type": "text", "text": HOSTILE}],
    {"source": {"type": "text", "data": HOSTILE}, "title": HOSTILE},
]
FIELDS = ["text", "content", "input", "args", "refusal", "title", "source", "data", "anything"]


def blocks():
    return [
        {"type": kind, "id": "call_1", field: shape}
        for kind in KINDS
        for field in FIELDS
        for shape in SHAPES
    ]


@pytest.mark.parametrize("kind", MESSAGES)
@pytest.mark.parametrize("content", ["", HOSTILE, [HOSTILE], blocks()], ids=["", "text", "l", "b"])
@pytest.mark.parametrize("ticks", [True, False])
def test_nothing_that_a_message_says_is_trusted(kind, content, ticks):
    known = kind.model_fields
    more = {
        "name": HOSTILE,
        "additional_kwargs": {"function_call": {"name": "a", "arguments": HOSTILE}, HOSTILE: 1},
        "tool_calls": [{"name": "a", "args": {"x": HOSTILE, HOSTILE: 1}, "id": "1"}],
        "invalid_tool_calls": [{"name": "a", "args": HOSTILE, "id": "1", "error": HOSTILE}],
    }
    fields = {name: value for name, value in {**REQUIRED, **more}.items() if name in known}
    if not issubclass(kind, lc.RemoveMessage):  # it has none
        fields["content"] = content
    message = kind(**fields)
    marked = marked_message(message, ticks=ticks)
    assert type(message) is type(marked)
    assert "every" not in trusted(marked)
    assert "every" in trusted(message)
    assert marked_message(marked, ticks=ticks) == marked
    assert strip_marks(marked) == message


def test_what_programs_look_up_in_a_message_stays():
    block = {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"page": "x y"}}
    message = lc.AIMessage(
        [block],
        name="reader",
        additional_kwargs={"finish_reason": "stop"},
        tool_calls=[{"name": "read", "args": {"page": "x y"}, "id": "toolu_1"}],
    )
    marked = marked_message(message)
    assert ("reader", message.additional_kwargs) == (marked.name, marked.additional_kwargs)
    assert ("read", "toolu_1") == (marked.tool_calls[0]["name"], marked.tool_calls[0]["id"])
    assert {**block, "input": marked.content[0]["input"]} == marked.content[0]
    assert strip_marks(marked).tool_calls == message.tool_calls


def test_an_object_that_may_hold_text_anywhere_becomes_text():
    class Unknown:
        def __repr__(self):
            return HOSTILE

    message = lc.ToolMessage(
        [{"type": "image", "source": {"bytes": HOSTILE.encode()}}, {"type": "x", "y": Unknown()}],
        tool_call_id="1",
        additional_kwargs={"raw": [Unknown()], "kept": {"n": 1}},
    )
    marked = marked_message(message)
    assert "every" not in trusted(marked)
    assert {"n": 1} == marked.additional_kwargs["kept"]


class Page(Document):
    summary: str


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    a_name_of_a_field_with_more_words_than_are_in_names: Any = None


@dataclass
class Row:
    a_name_of_a_field_with_more_words_than_are_in_names: Any


class Pair(NamedTuple):
    first: Any
    second: int


OBJECTS = [
    HOSTILE,
    Document(HOSTILE, id=HOSTILE, metadata={HOSTILE: 1, "a": {HOSTILE: HOSTILE}}),
    Page(page_content="x", summary=HOSTILE),
    lc.HumanMessage(HOSTILE),
    Open(more=HOSTILE),
    Open(a_name_of_a_field_with_more_words_than_are_in_names=HOSTILE),
    Row(HOSTILE),
    Pair(HOSTILE, 1),
    {"a": {HOSTILE: 1}},
    {1: {HOSTILE}, "a": (HOSTILE,), "b": frozenset([HOSTILE]), "c": [[HOSTILE]]},
]


@pytest.mark.parametrize("carried", OBJECTS, ids=lambda each: type(each).__name__)
def test_nothing_that_a_command_carries_is_trusted(carried):
    for value in (carried, [carried], {"a": carried}, Row(carried)):
        for command in (
            Command(update={"notes": value}),
            Command(update=[("notes", value)]),
            Command(goto=Send("reader", {"notes": value})),
            Command(update=Open(notes=value)),
        ):
            assert "every" in trusted(command)
            assert "every" not in trusted(marked_result(command))
    assert "every" not in trusted(marked_result(carried))


def test_what_a_command_repeats_of_the_state_stays():
    own = lc.HumanMessage("What do swans do in winter, and where?")
    state = {"messages": [own], "task": "Answer in one line.", "notes": ["My own note on it."]}
    result = lc.ToolMessage(HOSTILE, tool_call_id="1")
    update = {**state, "messages": [own, result], "notes": ["My own note on it.", HOSTILE]}
    for command in (Command(update=update), Command(goto=Send("other", update))):
        marked = marked_result(command, state)
        said = trusted(marked)
        assert "every" not in said
        for text in (own.content, state["task"], state["notes"][0]):
            assert text in said
        assert text not in trusted(marked_result(command))


class Comparisons:
    """A value of a state that is counted how often it is compared."""

    made = 0

    def __eq__(self, other):
        type(self).made += 1
        return self is other

    __hash__ = object.__hash__


def test_what_is_the_same_object_is_not_looked_for_among_all():
    before = [Comparisons() for _ in range(200)]
    marked = marked_result(Command(update={"notes": [*before, "x y"]}), {"notes": before})
    assert before == marked.update["notes"][:-1]
    assert Comparisons.made <= len(before)


class Array:
    """What compares its parts, and has no truth as a whole."""

    def __eq__(self, other):
        return self

    def __bool__(self):
        raise ValueError

    __hash__ = None


def test_what_cannot_be_compared_stays_where_it_is_the_same_object():
    rows = Array()
    for before in (rows, [rows]):
        command = Command(update={"rows": before})
        assert before is marked_result(command, {"rows": before}).update["rows"]
    for before in (Array(), [Array()]):
        with pytest.raises(TypeError, match="carries a Array"):
            marked_result(Command(update={"rows": before}), {"rows": [Array()]})


@dataclass
class Record:
    """A value of a program's own, which has a method that a `Command` has as a field."""

    text: str

    def update(self):
        return self


def test_what_only_looks_like_a_command_is_a_value():
    assert "every" not in trusted(marked_result(Record(HOSTILE)))


def test_a_document_of_ones_own_class_keeps_it():
    marked = marked_document(Page(page_content="x y", summary="z"), metadata=False)
    assert ("z", Page) == (marked.summary, type(marked))
    page = Page(page_content="x y", summary=HOSTILE, id=HOSTILE, metadata={HOSTILE: [HOSTILE]})
    assert page == strip_marks(marked_document(page)) != marked_document(page)
