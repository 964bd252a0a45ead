"""The two forms of a response: one JSON object, or a stream of events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from grayswan_devserver.engine import UnfitRequestError
from grayswan_devserver.folding import fold
from grayswan_devserver.generation import Disconnect, Generation
from grayswan_devserver.problems import error_body, json_response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from grayswan_devserver.engine import Piece, Pieces
    from grayswan_devserver.folding import Envelope
    from grayswan_devserver.scripting import RawResponse

__all__ = ["EventStreamResponse", "PlainResponse", "RawBytesResponse"]

_DONE = b"data: [DONE]\n\n"
_ENGINE_FAILED = "The engine failed while it was answering."


class _EngineResponse:
    """An ASGI application that runs the engine for as long as its client listens."""

    def __init__(self, pieces: Pieces, envelope: Envelope, choices: int) -> None:
        self._generation = Generation(pieces)
        self._envelope = envelope
        self._choices = choices
        self._disconnect = Disconnect()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with self._disconnect.watching(receive):
                await self._respond(scope, receive, send)
        finally:
            await self._generation.close()

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise NotImplementedError


class PlainResponse(_EngineResponse):
    """The whole response as one JSON object; `finish` may change it."""

    def __init__(
        self,
        pieces: Pieces,
        envelope: Envelope,
        choices: int,
        finish: Callable[[dict[str, Any]], dict[str, Any]] = lambda body: body,
    ) -> None:
        super().__init__(pieces, envelope, choices)
        self._finish = finish

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            pieces = await self._generation.rest(self._disconnect)
        except Exception as error:  # noqa: BLE001 - whatever an engine raises is told
            await _problem(error)(scope, receive, send)
            return
        if not self._disconnect.happened.is_set():
            body = fold(self._envelope.chunks(pieces, self._choices))
            await json_response(self._finish(body))(scope, receive, send)


class EventStreamResponse(_EngineResponse):
    """The response as server-sent events, each sent as soon as the engine has generated it.

    `chunk_delay` is the pause before each piece, in seconds. An engine that fails before its
    first piece is answered with status 500, or 400 where the request does not fit it; one that
    fails later ends the stream with an event that carries the error, without `[DONE]`.
    """

    def __init__(
        self, pieces: Pieces, envelope: Envelope, choices: int, chunk_delay: float
    ) -> None:
        super().__init__(pieces, envelope, choices)
        self._chunk_delay = chunk_delay

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            piece = await self._generation.next()
        except Exception as error:  # noqa: BLE001 - whatever an engine raises is told
            await _problem(error)(scope, receive, send)
            return
        await send(_start(200, {"content-type": "text/event-stream; charset=utf-8"}))
        await send(_body(_events(map(self._envelope.opening, range(self._choices)))))
        try:
            await self._send_all(piece, send)
        except Exception as error:  # noqa: BLE001 - told to the client in its stream
            await send(_body(_events([_failure(error)]), last=True))

    async def _send_all(self, piece: Piece | None, send: Send) -> None:
        while piece is not None:
            await self._disconnect.pause(self._chunk_delay)
            if self._disconnect.happened.is_set():
                return
            await send(_body(_events([self._envelope.chunk(piece)])))
            piece = await self._generation.next()
        await send(_body(_DONE, last=True))


class RawBytesResponse:
    """A scripted response, byte for byte."""

    def __init__(self, response: RawResponse) -> None:
        self._response = response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(_start(self._response.status, dict(self._response.headers)))
        for write in self._response.writes:
            await send(_body(write))
        # A server drops the connection of an application that returns without its last message.
        if not self._response.cut:
            await send(_body(b"", last=True))


def _events(bodies: Iterable[Any]) -> bytes:
    return b"".join(b"data: %b\n\n" % _compact(body) for body in bodies)


def _compact(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _problem(error: Exception) -> Response:
    return json_response(_failure(error), 400 if isinstance(error, UnfitRequestError) else 500)


def _failure(error: Exception) -> dict[str, Any]:
    if isinstance(error, UnfitRequestError):
        return error_body(error.code, error.message, error.detail)
    return error_body("engine_error", _ENGINE_FAILED, f"{type(error).__name__}: {error}")


def _start(status: int, headers: dict[str, str]) -> dict[str, Any]:
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": pairs}


def _body(content: bytes, *, last: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": content, "more_body": not last}
