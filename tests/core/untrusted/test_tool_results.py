from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from grayswan_core.untrusted.tool_results import READ_UNTRUSTED_TEXT, data_as_tool_results
from grayswan_core.wire import Message

_messages = st.lists(
    st.builds(
        Message,
        role=st.sampled_from(["system", "user", "assistant", "data"]),
        content=st.text(max_size=5),
    )
)


def test_data_becomes_the_result_of_a_call():
    question = Message(role="user", content="Why?")
    texts = [Message(role="data", content=text) for text in ("one", "two")]
    first, call, *results, last = data_as_tool_results([question, *texts, question])
    assert question is first is last
    assert ("assistant", "") == (call.role, call.content)
    assert [READ_UNTRUSTED_TEXT] * 2 == [each.function.name for each in call.tool_calls]
    assert [("tool", "one"), ("tool", "two")] == [(each.role, each.content) for each in results]
    assert [each.id for each in call.tool_calls] == [each.tool_call_id for each in results]


@given(_messages)
def test_each_result_follows_the_one_call_that_it_answers(messages):
    translated = data_as_tool_results(messages)
    assert [m for m in messages if m.role != "data"] == [
        m for m in translated if m.role != "tool" and not m.tool_calls
    ]
    assert [m.content for m in messages if m.role == "data"] == [
        m.content for m in translated if m.role == "tool"
    ]
    open_calls: list[str] = []
    seen = set()
    for message in translated:
        if message.role == "tool":
            assert message.tool_call_id == open_calls.pop(0)
        else:
            assert not open_calls
            open_calls = [call.id for call in message.tool_calls or ()]
            assert not seen.intersection(open_calls)
            seen.update(open_calls)
    assert not open_calls
