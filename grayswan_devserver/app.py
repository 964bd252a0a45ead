"""The HTTP side: paths, keys, models, and which response a request gets.

    app = create_app()          # an ASGI application, for any ASGI server

`POST /chat/completion` (alias `/chat/completions`) and `POST /moderation`, and what
`cygnal.service` has. Checks come in this
order: path and method (404, 405), key (401), body (422), model (404).
"""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from grayswan_core.wire import DEFAULT_CHAT_PATH, DEFAULT_MODEL, KNOWN_MODELS, MODERATION_PATH
from grayswan_devserver.answers import Answer, play
from grayswan_devserver.cygnal.service import CygnalService
from grayswan_devserver.folding import Envelope
from grayswan_devserver.load import Load, LoadMiddleware
from grayswan_devserver.middleware import RecordingMiddleware, bearer_key
from grayswan_devserver.moderation import REFUSAL, moderate
from grayswan_devserver.problems import InvalidBodyError, RefusedError, error_body, json_response
from grayswan_devserver.recording import Recorder
from grayswan_devserver.responses import EventStreamResponse, PlainResponse, RawBytesResponse
from grayswan_devserver.rules import RulesEngine
from grayswan_devserver.scripting import RawResponse, Script
from grayswan_devserver.tokens import count_tokens
from grayswan_devserver.validation import chat_request, moderation_request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from grayswan_core.wire import ChatRequest, ModerationRequest
    from grayswan_devserver.engine import Engine, Pieces

__all__ = ["CHAT_PATHS", "create_app"]

CHAT_PATHS = (DEFAULT_CHAT_PATH, "/chat/completions")


def create_app(
    engine: Engine | None = None,
    *,
    models: Iterable[str] = (),
    chunk_delay: float = 0.0,
    recorder: Recorder | None = None,
    script: Script | None = None,
    load: Load | None = None,
    cygnal_quota: int | None = None,
) -> ASGIApp:
    """Make the application.

    Args:
        engine: writes the answers; a `RulesEngine` unless given.
        models: names accepted beside the documented ones.
        chunk_delay: pause before each piece of a stream, in seconds.
        recorder: gets every request.
        script: answers to be given before the engine is asked.
        load: latency, rate limits and failures; none unless given.
        cygnal_quota: tokens that Cygnal judges before its quota is used up; None for no end.
    """
    engine, script = engine or RulesEngine(), script or Script()
    service = _Service(engine, frozenset({*KNOWN_MODELS, *models}), chunk_delay, script)
    cygnal = CygnalService(engine, chunk_delay, script, cygnal_quota)
    app = Starlette(
        routes=[
            Route("/", _greet),
            *(Route(path, service.chat, methods=["POST"]) for path in CHAT_PATHS),
            Route(MODERATION_PATH, service.moderation, methods=["POST"]),
            *cygnal.routes(),
        ],
        exception_handlers={
            HTTPException: _http_problem,
            InvalidBodyError: _refusal,
            RefusedError: _refusal,
        },
    )
    busy = app if load is None else LoadMiddleware(app, load)
    return RecordingMiddleware(busy, recorder or Recorder())


async def _greet(request: Request) -> PlainTextResponse:
    return PlainTextResponse(
        "This is a local server that implements the Cygnet API, for programs and tests.\n"
        f"Point a client at it: GRAY_SWAN_BASE_URL={str(request.base_url).rstrip('/')}"
        " GRAYSWAN_API_KEY=local-test\n"
        f"Endpoints: POST {', '.join((*CHAT_PATHS, MODERATION_PATH))}, Cygnal's below /cygnal.\n"
    )


class _Service:
    def __init__(
        self, engine: Engine, models: frozenset[str], chunk_delay: float, script: Script
    ) -> None:
        self._engine = engine
        self._models = models
        self._chunk_delay = chunk_delay
        self._script = script

    async def chat(self, request: Request) -> Any:
        scripted = self._script.take(RawResponse)
        if isinstance(scripted, RawResponse):
            return RawBytesResponse(scripted)
        _check_key(request)
        asked = chat_request(await request.body())
        self._check_model(asked.model)
        envelope = Envelope(
            f"chatcmpl-{uuid.uuid4().hex}", int(time.time()), asked.model, self._engine.fingerprint
        )
        pieces, choices = self._generate(asked), asked.n or 1
        if asked.stream:
            return EventStreamResponse(pieces, envelope, choices, self._chunk_delay)
        return PlainResponse(pieces, envelope, choices)

    async def moderation(self, request: Request) -> Any:
        scripted = self._script.take(RawResponse)
        if isinstance(scripted, RawResponse):
            return RawBytesResponse(scripted)
        _check_key(request)
        return json_response(self._verdict(moderation_request(await request.body())))

    def _check_model(self, model: str) -> None:
        if model not in self._models:
            known = ", ".join(sorted(self._models))
            raise RefusedError(
                404, "model_not_found", f"The model {model!r} does not exist.", f"Known: {known}."
            )

    def _generate(self, asked: ChatRequest) -> Pieces:
        if asked.moderate_before and _flagged(asked):
            return play(REFUSAL, asked)
        scripted = self._script.take(Answer)
        return self._engine.generate(asked) if scripted is None else play(scripted, asked)

    def _verdict(self, asked: ModerationRequest) -> dict[str, Any]:
        verdict = moderate(asked.input, asked.moderation_prompt)
        tokens = count_tokens(asked.input)
        return {
            "id": f"modr-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": DEFAULT_MODEL,
            "flagged": verdict.flagged,
            "detected": verdict.detected,
            "passed": verdict.passed,
            "categories": verdict.categories,
            "rewrite": verdict.rewrite if asked.rewrite else None,
            "system_fingerprint": self._engine.fingerprint,
            "usage": {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens},
        }


def _flagged(asked: ChatRequest) -> bool:
    return any(
        message.role == "user" and moderate(message.content).flagged for message in asked.messages
    )


def _check_key(request: Request) -> None:
    if not bearer_key(request.headers.get("authorization", "")):
        raise RefusedError(
            401,
            "invalid_api_key",
            "No API key was given.",
            "Send it as 'Authorization: Bearer KEY'; the local server takes any key.",
        )


def _refusal(_: Request, error: Exception) -> Response:
    if not isinstance(error, InvalidBodyError | RefusedError):
        raise error
    return json_response(error.body, error.status)


def _http_problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    where = f"{request.method} {request.url.path}"
    detail = f"{where} is no endpoint; GET / lists them" if code == "not_found" else where
    body = error_body(code, error.detail, detail)
    return json_response(body, error.status_code, dict(error.headers or {}))
