"""The API called with httpx and nothing else: no checks, no errors, no limits."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

__all__ = ["KEY", "QUESTION", "Bare"]

KEY = "fake-benchmark-key"
QUESTION = "Count."


class Bare:
    """Answers as the JSON they are.

    Args:
        url: The API's base URL.
    """

    def __init__(self, url: str) -> None:
        import httpx  # what is imported counts in the probes of others

        # Its own limits let 100 connections wait 5 s for each other; the models' are wider too.
        wide: dict[str, Any] = {"limits": httpx.Limits(max_connections=None), "timeout": 60}
        self._client = httpx.Client(**wide)
        self._aclient = httpx.AsyncClient(**wide)
        self._address = url + "/chat/completion"

    def call(self, messages: Sequence[dict[str, str]]) -> Any:
        """A whole answer."""
        answer = self._client.post(self._address, **_asked(messages, stream=False))
        return json.loads(answer.content)

    async def acall(self, messages: Sequence[dict[str, str]]) -> Any:
        """`call`, async."""
        answer = await self._aclient.post(self._address, **_asked(messages, stream=False))
        return json.loads(answer.content)

    def pieces(self, messages: Sequence[dict[str, str]]) -> Iterator[bytes]:
        """The bytes of a streamed answer, as they come."""
        asked = _asked(messages, stream=True)
        with self._client.stream("POST", self._address, **asked) as response:
            yield from response.iter_raw()

    def stream(self, messages: Sequence[dict[str, str]]) -> Iterator[Any]:
        """A streamed answer's chunks."""
        rest = b""
        for piece in self.pieces(messages):
            *events, rest = (rest + piece).split(b"\n\n")
            yield from _chunks(events)

    async def astream(self, messages: Sequence[dict[str, str]]) -> AsyncIterator[Any]:
        """`stream`, async."""
        rest = b""
        asked = _asked(messages, stream=True)
        async with self._aclient.stream("POST", self._address, **asked) as response:
            async for piece in response.aiter_raw():
                *events, rest = (rest + piece).split(b"\n\n")
                for chunk in _chunks(events):
                    yield chunk

    def close(self) -> None:
        """Close the sync calls' connections."""
        self._client.close()

    async def aclose(self) -> None:
        """Close the async calls' connections."""
        await self._aclient.aclose()


def _asked(messages: Sequence[dict[str, str]], *, stream: bool) -> dict[str, Any]:
    body = {"messages": messages, "model": "cygnet", "stream": stream}
    return {"json": body, "headers": {"authorization": f"Bearer {KEY}"}}


def _chunks(events: Sequence[bytes]) -> Iterator[Any]:
    for event in events:
        data = event.removeprefix(b"data: ")
        if data != b"[DONE]":
            yield json.loads(data)
