"""A server that speaks the chat wire which Cygnet and OpenAI share, and records what it gets.

What it answers is as dull as it can be, so that nothing in it can be taken for a document: a
line of text, a call of the tool on offer until that has answered, or what a flow laid out.
"""

from __future__ import annotations

import json
import socket
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from typing_extensions import Self

__all__ = ["ANSWER", "Recorder"]

ANSWER = "It was read."


class Recorder:
    """Serves on a free port of this machine for the length of a `with` block."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.answers: deque[str] = deque()
        self.answer = ANSWER
        app = Starlette(routes=[Route("/{path:path}", self._answer, methods=["POST"])])
        config = uvicorn.Config(
            app, log_level="critical", lifespan="off", ws="none", loop="asyncio"
        )
        self._server = uvicorn.Server(config)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), daemon=True
        )

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def take(self) -> list[dict[str, Any]]:
        """The bodies since the last call, and forget them."""
        taken, self.bodies = self.bodies, []
        self.answers.clear()
        return taken

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    async def _answer(self, request: Request) -> Response:
        body = json.loads(await request.body())
        self.bodies.append(body)
        message = self._message(body)
        if body.get("stream"):
            return StreamingResponse(_events(body, message), media_type="text/event-stream")
        return JSONResponse(_whole(body, message))

    def _message(self, body: dict[str, Any]) -> dict[str, Any]:
        tool = _tool_to_call(body)
        if tool is not None:
            arguments = json.dumps(_arguments(tool["function"].get("parameters") or {}))
            function = {"name": tool["function"]["name"], "arguments": arguments}
            call = {"id": f"call_{len(self.bodies)}", "type": "function", "function": function}
            return {"role": "assistant", "content": None, "tool_calls": [call]}
        wanted = body.get("response_format") or {}
        if "json_schema" in wanted:
            filled = json.dumps(_arguments(wanted["json_schema"]["schema"]))
            return {"role": "assistant", "content": filled}
        return {
            "role": "assistant",
            "content": self.answers.popleft() if self.answers else self.answer,
        }


def _tool_to_call(body: dict[str, Any]) -> dict[str, Any] | None:
    """The tool that is chosen by name, or the first where none has answered yet."""
    tools: list[dict[str, Any]] = body.get("tools") or []
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        return next(
            each for each in tools if each["function"]["name"] == choice["function"]["name"]
        )
    answered = body["messages"][-1]["role"] in ("tool", "data") and any(
        message["role"] == "assistant" for message in body["messages"]
    )
    return tools[0] if tools and not answered else None


def _arguments(schema: dict[str, Any]) -> dict[str, Any]:
    kinds: dict[str, Any] = {"integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}
    properties: dict[str, Any] = schema.get("properties") or {}
    return {name: kinds.get(each.get("type", ""), "x") for name, each in properties.items()}


_USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


def _whole(body: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "finish_reason": _reason(message)}
    return {**_head(body, "chat.completion"), "choices": [choice], "usage": _USAGE}


def _events(body: dict[str, Any], message: dict[str, Any]) -> Iterator[str]:
    calls = [{"index": i, **call} for i, call in enumerate(message.get("tool_calls") or ())]
    delta = {**message, **({"tool_calls": calls} if calls else {})}
    for part, reason in ((delta, None), ({}, _reason(message))):
        choice = {"index": 0, "delta": part, "finish_reason": reason}
        event = {**_head(body, "chat.completion.chunk"), "choices": [choice]}
        yield f"data: {json.dumps(event)}\n\n"
    yield "data: [DONE]\n\n"


def _head(body: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chat-1", "object": kind, "created": 1, "model": body["model"]}


def _reason(message: dict[str, Any]) -> str:
    return "tool_calls" if message.get("tool_calls") else "stop"
