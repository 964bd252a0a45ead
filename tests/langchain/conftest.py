"""A local server, a model that speaks to it, and streams written event by event."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from grayswan_devserver import DevServer, RawResponse
from langchain_grayswan import ChatGraySwan


@pytest.fixture
def server(grayswan_server: DevServer) -> DevServer:
    return grayswan_server


@pytest.fixture
def model(server: DevServer) -> Iterator[ChatGraySwan]:
    with ChatGraySwan(base_url=server.url, api_key="test-key-000", max_retries=0) as model:
        yield model


@pytest.fixture
def stream_of() -> Callable[..., RawResponse]:
    """Makes a stream of the deltas given; a dict with `choices` or `error` goes as it is."""

    def make(*events: dict[str, Any], done: bool = True) -> RawResponse:
        lines = [f"data: {json.dumps(_chunk(event))}\n\n".encode() for event in events]
        ending = [b"data: [DONE]\n\n"] if done else []
        return RawResponse([*lines, *ending], headers={"content-type": "text/event-stream"})

    return make


def _chunk(event: dict[str, Any]) -> dict[str, Any]:
    if "choices" in event or "error" in event:
        return {"id": "chat-1", "model": "cygnet", **event} if "choices" in event else event
    delta = {name: value for name, value in event.items() if name != "finish_reason"}
    choice = {"index": 0, "delta": delta, "finish_reason": event.get("finish_reason")}
    return {
        "id": "chat-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "cygnet",
        "system_fingerprint": "fp-1",
        "choices": [choice],
    }
