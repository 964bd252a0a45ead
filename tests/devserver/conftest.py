"""What the tests of the server share: a client with a key, and an engine-side request."""

import json

import httpx
import pytest

from grayswan_core.wire import ChatRequest
from grayswan_devserver.rules.conversation import Conversation
from grayswan_devserver.rules.engine import RulesEngine

KEY = {"Authorization": "Bearer local-test"}


def body_of(*messages, **fields):
    return {"model": "cygnet", "messages": [message_of(m) for m in messages], **fields}


def message_of(message):
    if isinstance(message, str):
        return {"role": "user", "content": message}
    if isinstance(message, tuple):
        return {"role": message[0], "content": message[1]}
    return message


@pytest.fixture
def http(grayswan_server):
    with httpx.Client(base_url=grayswan_server.url, headers=KEY) as client:
        yield client


@pytest.fixture
def post(http):
    """Post a chat completion; strings are user messages, pairs are role and content."""
    return lambda *messages, **fields: http.post(
        "/chat/completion", json=body_of(*messages, **fields)
    )


@pytest.fixture
def stream(http):
    """Post a chat completion and read its events."""

    def read(*messages, **fields):
        response = http.post("/chat/completion", json=body_of(*messages, stream=True, **fields))
        events = response.text.split("\n\n")
        assert events[-1] == ""
        assert events[-2] == "data: [DONE]"
        return [json.loads(event.removeprefix("data: ")) for event in events[:-2]]

    return read


@pytest.fixture
def request_of():
    return lambda *messages, **fields: ChatRequest.model_validate(body_of(*messages, **fields))


@pytest.fixture
def conversation_of(request_of):
    return lambda *messages, **fields: Conversation(request_of(*messages, **fields))


@pytest.fixture
def ask(conversation_of):
    """The rules engine's whole answer."""
    engine = RulesEngine()
    return lambda *messages, **fields: engine.answer(conversation_of(*messages, **fields))


@pytest.fixture
def tool():
    """Make a tool; every property is required unless `required` says which are."""

    def make(name, description, properties=None, required=None):
        properties = properties or {}
        parameters = {
            "type": "object",
            "properties": properties,
            "required": list(properties) if required is None else required,
        }
        function = {"name": name, "description": description, "parameters": parameters}
        return {"type": "function", "function": function}

    return make


@pytest.fixture
def weather(tool):
    return tool("get_weather", "Get the weather at a location.", {"location": {"type": "string"}})


@pytest.fixture
def called():
    """An assistant message that calls a tool, and the tool's answer to it."""

    def make(name, result, call_id="call_1", arguments="{}"):
        function = {"name": name, "arguments": arguments}
        call = {"id": call_id, "type": "function", "function": function}
        return (
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": result, "tool_call_id": call_id},
        )

    return make


@pytest.fixture
def named():
    return lambda name: {"type": "function", "function": {"name": name}}
