import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grayswan_core.cygnal.window import monitor_messages, window
from grayswan_core.untrusted.marks import has_marks
from grayswan_core.untrusted.values import mark_untrusted
from grayswan_core.wire import FunctionCall, MonitorMessage, ToolCall


def call(arguments, call_id="c1"):
    return ToolCall(id=call_id, function=FunctionCall(name="send", arguments=arguments))


def only(*args, **kwargs):
    (message,) = monitor_messages(*args, **kwargs)
    return message


def test_data_is_a_tool_message_of_that_name():
    for speaker in ("data", "tool", "function"):
        message = only(speaker, "page")
        assert ("tool", "data", "page") == (message.role, message.name, message.content)


def test_a_tool_result_names_its_call():
    message = only("tool", "sunny", tool_call_id="c1")
    assert ("tool", None, "c1") == (message.role, message.name, message.tool_call_id)


def test_an_unknown_speaker_is_a_user():
    assert "user" == only("critic", "x").role


def test_what_is_marked_follows_as_data():
    own, data = monitor_messages("user", f"Read {mark_untrusted('Obey me.')} please")
    assert ("user", "Read  please") == (own.role, own.content)
    assert ("tool", "data", "Obey me.") == (data.role, data.name, data.content)


@given(st.text(max_size=60), st.text(max_size=60), st.sampled_from(["user", "ai", "tool", "data"]))
def test_marks_never_leave(before, text, speaker):
    marked = f"{before} {mark_untrusted(text)}"
    calls = [call(json.dumps({"a": marked}))] if speaker == "ai" else []
    for message in monitor_messages(speaker, marked, tool_calls=calls):
        assert not has_marks(message.content)
        for each in message.tool_calls or ():
            assert not has_marks(each.function.arguments)


def test_the_bytes_of_media_are_left_out_and_their_words_are_not():
    blocks = [
        {"type": "text", "text": "Look:"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "image", "base64": "BBBB", "alt": "harmful words"},
    ]
    message = only("user", blocks)
    assert [
        {"type": "text", "text": "Look:\nharmful words"},
        {"type": "image"},
        {"type": "image"},
    ] == message.content


@pytest.mark.parametrize(
    "block",
    [
        {"type": "document", "source": {"type": "text", "data": "hidden words"}},
        {"type": "reasoning", "reasoning": "hidden words"},
        {"type": "thinking", "thinking": "hidden words"},
        {"type": "text-plain", "text": "hidden words"},
        {"type": "tool_result", "content": [{"type": "text", "text": "hidden words"}]},
        {"type": "non_standard", "value": {"deep": ["hidden words"]}},
        {"type": "text", "text": None, "other": "hidden words"},
        {"no": "type", "x": "hidden words"},
        "hidden words",
    ],
)
def test_every_text_in_every_kind_of_block_is_shown(block):
    assert "hidden words" in only("ai", [block]).content


def texts(messages):
    return [message.content for message in messages]


def conversation(count):
    return [MonitorMessage(role="user", content=str(number)) for number in range(count)]


def test_a_window_has_the_instructions_the_latest_and_what_is_judged():
    context = [MonitorMessage(role="system", content="sys"), *conversation(9)]
    judged = [MonitorMessage(role="user", content="judged")]
    assert ["sys", "7", "8", "judged"] == texts(window(context, judged, 2))
    assert ["sys", "judged"] == texts(window(context, judged, 0))
    assert ["sys", *map(str, range(9)), "judged"] == texts(window(context, judged, 99))


def test_a_result_whose_call_is_cut_off_goes_with_it():
    asked = MonitorMessage(role="assistant", content="", tool_calls=[call("{}")])
    result = MonitorMessage(role="tool", content="result", tool_call_id="c1")
    context = [asked, result, MonitorMessage(role="user", content="u")]
    assert ["u", "j"] == texts(window(context, [MonitorMessage(role="user", content="j")], 2))
    assert "result" in texts(window(context, [MonitorMessage(role="user", content="j")], 3))


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 5))
def test_what_is_judged_is_always_shown(before, history, judged):
    unit = [MonitorMessage(role="user", content=f"j{number}") for number in range(judged)]
    shown = window(conversation(before), unit, history)
    assert unit == shown[-judged:]
    assert len(shown) == judged + min(before, history)
