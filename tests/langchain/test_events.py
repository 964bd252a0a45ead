from __future__ import annotations

import pytest
from langchain_core.callbacks import BaseCallbackHandler

from langchain_grayswan import ChatGraySwan
from langchain_grayswan.events import IS_SPOKEN

pytestmark = [
    pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning"),
    pytest.mark.skipif(not IS_SPOKEN, reason="langchain-core before 1.7 has other events"),
]


def call(arguments, index=0, **fields):
    return {"index": index, **fields, "function": {"arguments": arguments}}


def begun(name, index=0, arguments=""):
    function = {"name": name, "arguments": arguments}
    return {"index": index, "id": f"id-{index}", "function": function}


STREAMS = {
    "text": [{"content": "One"}, {"content": " two"}, {"finish_reason": "stop"}],
    "nothing": [{"content": ""}, {"finish_reason": "stop"}],
    "a call": [
        {"tool_calls": [begun("add")]},
        {"tool_calls": [call('{"a": ')]},
        {"tool_calls": [call("1}")]},
        {"finish_reason": "tool_calls"},
    ],
    "text and calls, mixed": [
        {"content": "Wait."},
        {"tool_calls": [begun("add"), begun("look", index=1, arguments='{"a": "x\n')]},
        {"tool_calls": [call('y"}', index=1)]},
        {"content": " More.", "tool_calls": [call('{"a": 1}')]},
        {"finish_reason": "tool_calls"},
    ],
    "arguments that are no object": [
        {"tool_calls": [begun("add", arguments="[1]")]},
        {"finish_reason": "stop"},
    ],
    "no arguments": [{"tool_calls": [begun("now")]}, {"finish_reason": "tool_calls"}],
    "a refusal": [{"refusal": "I cannot"}, {"refusal": "."}, {"finish_reason": "content_filter"}],
    "text, then a refusal": [{"content": "So far"}, {"refusal": "No."}, {"finish_reason": "stop"}],
    "a call of a refused response": [
        {"content": "Hm."},
        {"tool_calls": [begun("add", arguments='{"a": 1}')]},
        {"finish_reason": "content_filter"},
    ],
    "usage": [
        {"content": "Hi", "finish_reason": "stop"},
        {
            "choices": [],
            "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8},
        },
    ],
}


class Bridged(ChatGraySwan):
    """Leaves its events to LangChain, as any subclass does that has its own chunks."""

    def _stream(self, *args, **kwargs):
        return super()._stream(*args, **kwargs)

    async def _astream(self, *args, **kwargs):
        async for chunk in super()._astream(*args, **kwargs):
            yield chunk


class Tokens(BaseCallbackHandler):
    def __init__(self):
        self.seen = []

    def on_llm_new_token(self, token, *, chunk, **kwargs):
        self.seen.append((token, chunk.message.model_copy(update={"id": None, "content": ""})))


def plain(events):
    """Events without ids, and without the index that LangChain leaves on some calls."""
    for each in events:
        event = without(each, "id")
        if event["event"] == "content-block-finish":
            event["content"] = without(event["content"], "index")
        if event["event"] == "message-start":
            event["metadata"] = without(event["metadata"], "model")  # told later by LangChain
        if event["event"] == "message-finish":
            event["metadata"] = without(event["metadata"], "request_id")
            event["finish_reason"] = event["metadata"].get("finish_reason")  # before core 1.8
        yield event


def without(values, left_out):
    return {name: value for name, value in values.items() if name != left_out}


def of(message):
    content = [without(block, "index") for block in message.content]
    metadata = without(message.response_metadata, "request_id")
    return message.model_copy(
        update={"id": None, "content": content, "response_metadata": metadata}
    )


@pytest.mark.parametrize("name", STREAMS)
async def test_events_are_those_that_langchain_makes_of_chunks(server, stream_of, name):
    server.script(*[stream_of(*STREAMS[name])] * 4)
    found, answers, tokens = [], [], []
    for kind in (ChatGraySwan, Bridged):
        with kind(base_url=server.url, api_key="test-key-000") as model:
            seen = Tokens()
            stream = model.stream_events("Hello", {"callbacks": [seen]}, version="v3")
            found.append([*plain(stream)])
            answers.append(of(stream.output))
            tokens.append(seen.seen)
            astream = await model.astream_events("Hello", version="v3")
            found.append([*plain([event async for event in astream])])
            answers.append(of(await astream.output))
            await model.aclose()

    assert found[1:] == found[:-1]
    assert answers[1:] == answers[:-1]
    assert [token for token, _ in tokens[0]] == [token for token, _ in tokens[1]]


def test_the_last_event_says_why_the_response_ended(model):
    *_, last = model.stream_events("Hello", version="v3")

    assert last["finish_reason"] == last["metadata"]["finish_reason"] == "stop"


def test_a_subclass_with_chunks_of_its_own_has_events_of_them(server, stream_of, model):
    class Loud(ChatGraySwan):
        def _stream(self, *args, **kwargs):
            for chunk in super()._stream(*args, **kwargs):
                chunk.message.content = chunk.message.content.upper()
                yield chunk

    server.script(stream_of(*STREAMS["text"]))
    with Loud(base_url=server.url, api_key="test-key-000") as loud:
        assert loud.stream_events("Hello", version="v3").output.text == "ONE TWO"
