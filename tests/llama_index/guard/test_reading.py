import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from llama_index_grayswan import data_message, mark_untrusted
from llama_index_grayswan.guard.reading import DIALECT, made_calls, read


@pytest.mark.parametrize(
    ("message", "role", "name"),
    [
        (ChatMessage("x", role="system"), "system", None),
        (ChatMessage("x", role="user"), "user", None),
        (ChatMessage("x", role="assistant"), "assistant", None),
        (ChatMessage("x", role="model"), "assistant", None),
        (ChatMessage("x", role="tool", additional_kwargs={"tool_call_id": "c"}), "tool", None),
        (data_message("x"), "tool", "data"),
    ],
)
def test_roles(message, role, name):
    (whole,) = read(message)
    assert (role, name, "x") == (whole.role, whole.name, whole.content)
    assert (role == "user") == DIALECT.is_user(message)
    assert (role == "tool") == DIALECT.is_data(message)


def test_calls_in_every_form():
    beside = {"id": "c2", "function": {"name": "send", "arguments": '{"to": "you"}'}}
    message = ChatMessage(
        role="assistant",
        blocks=[
            TextBlock(text="Well"),
            ToolCallBlock(tool_call_id="c1", tool_name="send", tool_kwargs={"to": "me"}),
        ],
        additional_kwargs={"tool_calls": [beside, {"strange": "hidden"}]},
    )
    calls = made_calls(message)
    assert ['{"to": "me"}', '{"to": "you"}'] == [c.function.arguments for c in calls[:2]]
    assert "hidden" in calls[2].function.arguments
    assert 3 == len(read(message)[0].tool_calls)
    assert None is read(message, calls=False)[0].tool_calls


@pytest.mark.parametrize(
    "message",
    [
        ChatMessage(role="assistant", blocks=[ThinkingBlock(content="hidden")]),
        ChatMessage("x", role="assistant", additional_kwargs={"reasoning": "hidden"}),
        ChatMessage(role="user", blocks=[DocumentBlock(title="hidden", url="https://x")]),
    ],
)
def test_everything_that_can_be_read_is_judged(message):
    assert "hidden" in str(read(message)[0].content)


def test_images_are_named_and_not_sent():
    message = ChatMessage(role="user", blocks=[ImageBlock(image=b"AAAA"), TextBlock(text="Look")])
    assert [{"type": "text", "text": "Look"}, {"type": "image"}] == read(message)[0].content


def test_marks_do_not_leave():
    own, data = read(ChatMessage(f"Read: {mark_untrusted('a page')}", role=MessageRole.USER))
    assert ("Read: ", "a page") == (own.content, data.content)
