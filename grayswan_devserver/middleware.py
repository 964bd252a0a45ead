"""The outermost layer: every request is recorded, every response gets an `x-request-id`."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders

from grayswan_devserver.recording import RecordedRequest
from grayswan_devserver.validation import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from grayswan_devserver.recording import Recorder

__all__ = ["RecordingMiddleware", "api_key", "bearer_key"]

_API_KEYS = ("grayswan-api-key", "x-grayswan-api-key")
_KEY_HEADERS = frozenset({"authorization", *_API_KEYS, "cookie"})


class RecordingMiddleware:
    """Records each request, with what became of it, and numbers the responses."""

    def __init__(self, app: ASGIApp, recorder: Recorder) -> None:
        self._app = app
        self._recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        raw = await _read_body(receive)
        if raw is None:
            return
        record = _record(scope, raw)
        self._recorder.add(record)
        exchange = _Exchange(record, self._recorder, receive, send)
        try:
            await self._app(scope, exchange.receive, exchange.send)
        finally:
            self._recorder.finish(record)


class _Exchange:
    """Hands the body on and watches what goes back."""

    def __init__(
        self, record: RecordedRequest, recorder: Recorder, receive: Receive, send: Send
    ) -> None:
        self._record = record
        self._recorder = recorder
        self._receive = receive
        self._send = send
        self._body_given = False
        self._complete = False

    async def receive(self) -> Message:
        if not self._body_given:
            self._body_given = True
            return {"type": "http.request", "body": self._record.raw, "more_body": False}
        message = await self._receive()
        if message["type"] == "http.disconnect" and not self._complete:
            self._record.aborted = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._recorder.respond(self._record, message["status"])
            MutableHeaders(scope=message)["x-request-id"] = self._record.request_id
        elif message["type"] == "http.response.body":
            # Set before the last bytes go out: a client that has them may leave at once.
            self._complete = not message.get("more_body", False)
        await self._send(message)


async def _read_body(receive: Receive) -> bytes | None:
    """The whole body, or `None` if the client left before it was complete."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


def _record(scope: Scope, raw: bytes) -> RecordedRequest:
    headers = Headers(scope=scope)
    try:
        body = parse_json(raw)
    except ValueError:
        body = None
    return RecordedRequest(
        method=scope["method"],
        path=scope["path"],
        headers={name: value for name, value in headers.items() if name not in _KEY_HEADERS},
        authorized=bool(bearer_key(headers.get("authorization", "")) or api_key(headers)),
        body=body if isinstance(body, dict) else {},
        raw=raw,
        request_id=f"req_{uuid.uuid4().hex}",
    )


def bearer_key(authorization: str) -> str:
    """The key in an `Authorization: Bearer KEY` header, empty if there is none."""
    scheme, _, key = authorization.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def api_key(headers: Mapping[str, str]) -> str:
    """The key in the header `grayswan-api-key`, or under its older name; empty if there is none."""
    return next((key for name in _API_KEYS if (key := headers.get(name, "").strip())), "")
