import pytest
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    HumanMessageChunk,
    SystemMessage,
    SystemMessageChunk,
    ToolMessage,
    ToolMessageChunk,
)

from langchain_grayswan import DataMessage, mark_untrusted
from langchain_grayswan.guard.reading import DIALECT, made_calls, read, read_all

CALL = {"name": "send", "args": {"to": "me"}, "id": "c1"}


@pytest.mark.parametrize(
    ("message", "role", "name"),
    [
        (SystemMessage("x"), "system", None),
        (HumanMessage("x"), "user", None),
        (AIMessage("x"), "assistant", None),
        (ToolMessage("x", tool_call_id="c"), "tool", None),
        (DataMessage("x"), "tool", "data"),
        (FunctionMessage("x", name="f"), "tool", "data"),
        (ChatMessage("x", role="critic"), "user", None),
        (ChatMessage("x", role="user"), "user", None),
        (ChatMessage("x", role="function"), "tool", "data"),
        (HumanMessageChunk(content="x"), "user", None),
        (SystemMessageChunk(content="x"), "system", None),
        (ToolMessageChunk(content="x", tool_call_id="c"), "tool", None),
    ],
)
def test_roles(message, role, name):
    (read_message,) = read(message)
    assert (role, name, "x") == (read_message.role, read_message.name, read_message.content)
    assert (role == "user") == DIALECT.is_user(message)
    assert (role == "tool") == DIALECT.is_data(message)


def test_calls_are_read_with_their_arguments():
    bad = {"name": "send", "args": "{cut", "id": "c2", "error": "cut"}
    message = AIMessage("Well", tool_calls=[CALL], invalid_tool_calls=[bad])
    (whole,) = read(message)
    assert ['{"to": "me"}', "{cut"] == [call.function.arguments for call in whole.tool_calls]
    assert ["c1", "c2"] == [call.id for call in made_calls(message)]
    assert None is read(message, calls=False)[0].tool_calls
    assert "" == read(message, text=False)[0].content


@pytest.mark.parametrize(
    "message",
    [
        AIMessage([{"type": "reasoning", "reasoning": "hidden"}, {"type": "text", "text": "x"}]),
        AIMessage("x", additional_kwargs={"reasoning_content": "hidden"}),
        AIMessage("x", additional_kwargs={"function_call": {"name": "f", "arguments": "hidden"}}),
        HumanMessage([{"type": "text", "text": "x"}, {"type": "tool_result", "content": "hidden"}]),
    ],
)
def test_everything_that_can_be_read_is_judged(message):
    assert "hidden" in read(message)[0].content


def test_marks_do_not_leave():
    own, data = read_all([HumanMessage(f"Read: {mark_untrusted('a page')}")])
    assert ("Read: ", "a page") == (own.content, data.content)
