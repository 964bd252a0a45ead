"""The routes of Cygnal: keys, quota, scripts, and which response a request gets."""

from __future__ import annotations

import time
import uuid
from threading import Lock
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from grayswan_core.wire import CYGNAL_COMPLETIONS_PATHS, MONITOR_PATH
from grayswan_devserver.answers import Answer, play
from grayswan_devserver.cygnal.completions import (
    CompletionRequest,
    cost,
    protection_of,
    refusal,
    whole_refusals,
)
from grayswan_devserver.cygnal.monitor import MonitorVerdict, verdict_body
from grayswan_devserver.folding import Envelope
from grayswan_devserver.middleware import api_key, bearer_key
from grayswan_devserver.problems import RefusedError
from grayswan_devserver.responses import EventStreamResponse, PlainResponse, RawBytesResponse
from grayswan_devserver.scripting import MonitorAnswer, RawResponse
from grayswan_devserver.validation import monitor_request, validated

if TYPE_CHECKING:
    from starlette.requests import Request

    from grayswan_core.wire import ChatRequest
    from grayswan_devserver.engine import Engine, Pieces
    from grayswan_devserver.scripting import Script

__all__ = ["CygnalService"]


class CygnalService:
    """Answers the requests for Cygnal.

    Args:
        engine: generates the responses behind the judge.
        chunk_delay: pause before each piece of a stream, in seconds.
        script: scripted responses, which come before those of the engine and the judge.
        quota: tokens that are judged before the quota is used up; None for no end. Over it, the
            monitor answers 429, and completions are passed on unfiltered, as the API does.
    """

    def __init__(
        self, engine: Engine, chunk_delay: float, script: Script, quota: int | None
    ) -> None:
        self._engine = engine
        self._chunk_delay = chunk_delay
        self._script = script
        self._quota = quota
        self._used = 0
        self._lock = Lock()

    def routes(self) -> list[Route]:
        return [
            Route(MONITOR_PATH, self.monitor, methods=["POST"]),
            *(Route(path, self.complete, methods=["POST"]) for path in CYGNAL_COMPLETIONS_PATHS),
        ]

    async def monitor(self, request: Request) -> Any:
        """Judge a conversation."""
        if not (api_key(request.headers) or bearer_key(request.headers.get("authorization", ""))):
            raise _no_key()
        body = verdict_body(monitor_request(await request.body()))
        if not self._spend(body["input_tokens"]):
            raise RefusedError(429, "quota_exceeded", "The quota is used up.", "Try again later.")
        return MonitorVerdict(body, self._script.take_verdict() or MonitorAnswer())

    async def complete(self, request: Request) -> Any:
        """Answer a chat completion, judged before and after."""
        raw = self._script.take(RawResponse)
        if raw is not None:
            return RawBytesResponse(raw)
        if not api_key(request.headers):
            raise _no_key()
        given = validated(CompletionRequest, await request.body())
        protection = protection_of(request.headers, given)
        asked = given.chat_request()
        if not self._spend(cost(given)):
            pieces = self._generate(asked)
        elif given.moderate_before is not False and protection.blocks_input(given):
            pieces = refusal(asked)
        else:
            pieces = protection.filtered(self._generate(asked))
        envelope = Envelope(
            f"chatcmpl-{uuid.uuid4().hex}", int(time.time()), asked.model, self._engine.fingerprint
        )
        if asked.stream:
            return EventStreamResponse(pieces, envelope, asked.n or 1, self._chunk_delay)
        return PlainResponse(pieces, envelope, asked.n or 1, finish=whole_refusals)

    def _generate(self, asked: ChatRequest) -> Pieces:
        scripted = self._script.take(Answer)
        return self._engine.generate(asked) if scripted is None else play(scripted, asked)

    def _spend(self, tokens: int) -> bool:
        """Whether the quota allows for so many tokens more."""
        if self._quota is None:
            return True
        with self._lock:
            self._used += tokens
            return self._used <= self._quota


def _no_key() -> RefusedError:
    return RefusedError(
        401,
        "invalid_api_key",
        "No API key was given.",
        "Send it as the header 'grayswan-api-key'; the local server takes any key.",
    )
