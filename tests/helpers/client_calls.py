"""Calls of a `CygnetClient`, sync and async alike, and what a scripted server answers them."""

from __future__ import annotations

import asyncio
import json

from grayswan_core import APIError, ChatRequest, Message, ModerationRequest

REQUEST = ChatRequest(model="cygnet", messages=[Message(role="user", content="Hello")])
QUESTION = ModerationRequest(input="Is this all right?")

VERDICT = '{"id": "m-1", "flagged": false, "detected": 0.1, "passed": 0.9}'


def answer(content="Hi there."):
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return json.dumps({"id": "chat-1", "model": "cygnet", "choices": [choice]})


def event(content, finish_reason=None, index=0):
    choice = {"index": index, "delta": {"content": content}, "finish_reason": finish_reason}
    return f"data: {json.dumps({'id': 'chat-1', 'choices': [choice]})}\n\n".encode()


DONE = b"data: [DONE]\n\n"


def text_of(chunks):
    return "".join(
        choice["delta"].get("content") or "" for each in chunks for choice in each["choices"]
    )


class Sync:
    """Drives the sync half of a client from an async test, without blocking its loop."""

    def __init__(self, client):
        self.client = client

    async def complete(self, **options):
        return await asyncio.to_thread(self.client.complete, REQUEST, **options)

    async def moderate(self):
        return await asyncio.to_thread(self.client.moderate, QUESTION)

    async def stream(self, **options):
        chunks = []
        try:
            await asyncio.to_thread(lambda: chunks.extend(self._collect(chunks, options)))
        except APIError as error:
            return chunks, error
        return chunks, None

    def _collect(self, chunks, options):
        for each in self.client.stream(REQUEST, **options):
            chunks.append(each)  # kept also when the next one fails
        return ()

    async def first(self):
        """The first chunk of a stream, and a function that closes it."""
        chunks = self.client.stream(REQUEST)
        one = await asyncio.to_thread(next, chunks)

        async def close():
            await asyncio.to_thread(chunks.close)

        return one, close


class Async:
    """Drives the async half."""

    def __init__(self, client):
        self.client = client

    async def complete(self, **options):
        return await self.client.acomplete(REQUEST, **options)

    async def moderate(self):
        return await self.client.amoderate(QUESTION)

    async def stream(self, **options):
        chunks = []
        try:
            async for each in self.client.astream(REQUEST, **options):
                chunks.append(each)  # noqa: PERF401 - kept also when the next one fails
        except APIError as error:
            return chunks, error
        return chunks, None

    async def first(self):
        chunks = self.client.astream(REQUEST)
        return await anext(chunks), chunks.aclose
