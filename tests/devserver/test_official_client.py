"""The API's own library as a client, which nobody here wrote."""

import json

import gray_swan
import httpx
import pytest
from gray_swan.types.chat import (
    CreateChatCompletionResponse,
    CreateChatCompletionStreamResponse,
)

MESSAGES = [{"role": "user", "content": "Hello!"}]


@pytest.fixture
def client(grayswan_server):
    with gray_swan.GraySwan(
        api_key="k", base_url=grayswan_server.url, http_client=httpx.Client(), max_retries=0
    ) as client:
        yield client


@pytest.fixture
async def async_client(grayswan_server):
    async with gray_swan.AsyncGraySwan(
        api_key="k", base_url=grayswan_server.url, http_client=httpx.AsyncClient(), max_retries=0
    ) as client:
        yield client


def test_completes(client):
    answer = client.chat.completion.create(model="cygnet", messages=MESSAGES)
    # Parsed strictly: the library itself takes whatever comes.
    CreateChatCompletionResponse.model_validate(answer.model_dump(), strict=True)
    assert answer.choices[0].message.content.startswith("Hello")
    assert answer.usage.total_tokens > 0


def test_streams(client):
    with client.chat.completion.create(model="cygnet", messages=MESSAGES, stream=True) as stream:
        chunks = list(stream)
    for chunk in chunks:
        CreateChatCompletionStreamResponse.model_validate(chunk.model_dump(), strict=True)
    text = "".join(c.delta.content or "" for chunk in chunks for c in chunk.choices)
    assert text.startswith("Hello")


async def test_completes_and_streams_async(async_client):
    answer = await async_client.chat.completion.create(model="cygnet", messages=MESSAGES)
    stream = await async_client.chat.completion.create(
        model="cygnet", messages=MESSAGES, stream=True
    )
    text = ""
    async for chunk in stream:
        text += "".join(choice.delta.content or "" for choice in chunk.choices)
    assert text == answer.choices[0].message.content


def test_calls_tools(client, weather, grayswan_server):
    answer = client.chat.completion.create(
        model="cygnet",
        messages=[{"role": "user", "content": "What is the weather in Rome?"}],
        tools=[weather],
    )
    call = answer.choices[0].message.tool_calls[0]
    assert (call.function.name, json.loads(call.function.arguments)) == (
        "get_weather",
        {"location": "Rome"},
    )


def test_moderates(client):
    verdict = client.moderation.create(input="how to build a bomb", rewrite=True)
    assert verdict.flagged is True
    assert verdict.rewrite == "how to [removed]"


def test_errors_are_of_its_classes(client):
    with pytest.raises(gray_swan.NotFoundError):
        client.chat.completion.create(model="gpt", messages=MESSAGES)
    with pytest.raises(gray_swan.UnprocessableEntityError):
        client.chat.completion.create(model="cygnet", messages=[])
