"""The faults, as what is on the wire, and what has to come of each. For tests and benchmarks.

A fault is told once and run through every way to ask: the core, LangChain and LlamaIndex, each
sync and async, whole and streamed.
"""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass, field
from typing import Any

from wire_server import LAST_CHUNK, Close, Drip, Reset, Stall, Step, chunk, head, stream, whole

from grayswan_core import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ContextOverflowError,
    IncompleteStreamError,
    InternalServerError,
    Limits,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ResponseError,
    StreamError,
    Timeout,
    ToolCallArgumentsError,
    UnprocessableEntityError,
)

PLAIN, STREAM = "plain", "stream"


@dataclass(frozen=True)
class Fault:
    """One fault and what has to come of it.

    Attributes:
        name: What happens, in a few words.
        steps: What the server does.
        error: The kind of error, or None where the answer must come through.
        says: A part of the error's words.
        text: The text that must be handed out, and stand on the error, before it.
        again: Whether a retry makes sense.
        status: The HTTP status on the error.
        caused: Whether another error is behind it; None where that depends on the moment.
        after: The figure for `retry_after`.
        tools: Whether tools are on offer.
        limits: Limits to run with.
    """

    name: str
    steps: tuple[Step, ...]
    error: type[APIError] | None = None
    says: str = ""
    text: str = ""
    again: bool = False
    status: int | None = 200
    caused: bool | None = False
    after: float | None = None
    tools: bool = False
    limits: Limits = field(default_factory=Limits)

    @property
    def timeout(self) -> Timeout | None:
        """The patience to run it with: short for what dawdles, but for what it is not about."""
        is_about_time = any(isinstance(step, Stall | Drip) for step in self.steps)
        if not is_about_time or self.limits != Limits():  # a limit ends it, on a slow machine too
            return None
        about = [self.says] if self.says in _WAITS else ["read", "between_chunks"]
        # A head that was to come in time must do so on a slow machine too.
        return Timeout(**{**_WAITS, **dict.fromkeys(about, 1.0 if about == ["total"] else 0.4)})


_WAITS = {"read": 60.0, "between_chunks": 60.0, "total": 60.0}


def answer(content: str | None = "Hi there.", finish_reason: str = "stop", **message: Any) -> str:
    said = {"role": "assistant", "content": content, **message}
    choice = {"index": 0, "finish_reason": finish_reason, "message": said}
    return json.dumps({"id": "chat-1", "object": "chat.completion", "created": 1,
                       "model": "cygnet", "choices": [choice], "usage": None})  # fmt: skip


def delta(finish_reason: str | None = None, **parts: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": parts, "finish_reason": finish_reason}
    return {"id": "chat-1", "object": "chat.completion.chunk", "created": 1,
            "model": "cygnet", "choices": [choice]}  # fmt: skip


def sse(payload: Any) -> bytes:
    return f"data: {json.dumps(payload)}\n\n".encode()


def text(content: str, finish_reason: str | None = None) -> bytes:
    return sse(delta(finish_reason, content=content))


def call(arguments: str, finish_reason: str | None = None, **more: Any) -> bytes:
    function = {"arguments": arguments, **more}
    part = {"index": 0, "id": "call-1", "type": "function", "function": function}
    return sse(delta(finish_reason, tool_calls=[part]))


DONE = b"data: [DONE]\n\n"
SO, FAR = text("so "), text("far")
END = text("", "stop") + DONE

OPEN_CALL = call('{"amount": 100', name="pay")
CUT_CALL = [{"id": "call-1", "type": "function",
             "function": {"name": "pay", "arguments": '{"amount": 100'}}]  # fmt: skip

FASTAPI = {"detail": [{"loc": ["body", "messages", 0], "msg": "field required", "type": "missing"}]}

_LENGTH_100 = head() + b"content-length: 100\r\n\r\n{"
_LENGTH_1E9 = head() + b"content-length: 1000000000\r\n\r\n{"
_CHUNKED_JSON = stream(b"{", content_type="application/json")
_BOMB = gzip.compress(b'{"choices": "' + b" " * 4_000_000)

_CONNECTION: dict[str, Any] = {"error": APIConnectionError, "again": True, "caused": True}
_LATE: dict[str, Any] = {"error": APITimeoutError, "again": True, "caused": None}
_SMALL = Limits(max_event_size=2000, max_response_size=5000)

ANY_WAY = (
    Fault("closed before a byte", (Close(),), **_CONNECTION, status=None),
    Fault("reset before a byte", (Reset(),), **_CONNECTION, status=None),
    Fault("not HTTP", (b"SSH-2.0-OpenSSH\r\n\r\n", Close()), **_CONNECTION, status=None),
    Fault("silence before the response head", (Stall(),), **_LATE, says="read", status=None),
    Fault("half a response head, then silence", (b"HTTP/1.1 200 OK\r\ncontent-ty", Stall()),
          **_LATE, says="read", status=None),
    Fault("a response head, byte by byte", (b"HTTP/1.1 200 OK\r\nx: ", Drip(b"x", 0.01)),
          **_LATE, says="total", status=None),
    Fault("endless `100 Continue`", (Drip(b"HTTP/1.1 100 Continue\r\n\r\n", 0.01),),
          **_LATE, says="total", status=None),
    Fault("an endless response head", (b"HTTP/1.1 200 OK\r\n",
          *[b"x: " + b"y" * 60_000 + b"\r\n"] * 9, Close()), **_CONNECTION, status=None),
    Fault("400", (whole('{"detail": "No"}', 400),), BadRequestError, "No", status=400),
    Fault("400, input too long", (whole('{"detail": "maximum context length is 8192"}', 400),),
          ContextOverflowError, "context length", status=400),
    Fault("401", (whole('{"error": true, "message": "Bad key"}', 401),),
          AuthenticationError, "GRAYSWAN_API_KEY", status=401),
    Fault("403", (whole("", 403),), PermissionDeniedError, "403", status=403),
    Fault("404", (whole('{"detail": "Not Found"}', 404),), NotFoundError, "base URL", status=404),
    Fault("408", (whole("", 408),), APITimeoutError, "408", again=True, status=408),
    Fault("409", (whole("", 409),), ConflictError, "409", again=True, status=409),
    Fault("422, a list of errors", (whole(json.dumps(FASTAPI), 422),), UnprocessableEntityError,
          "body.messages.0: field required", status=422),
    Fault("429, `Retry-After` of a day",
          (whole("{}", 429, headers={"retry-after": "86400", "x-request-id": "req-1"}),),
          RateLimitError, "86,400 s", again=True, status=429, after=86400.0),
    Fault("500, HTML", (whole("<h1>Bad Gateway</h1>", 502, "text/html"),),
          InternalServerError, "Bad Gateway", again=True, status=502),
    Fault("503, truncated body", (head(503) + b"content-length: 100\r\n\r\nbusy", Close()),
          InternalServerError, "busy", again=True, status=503),
    Fault("503, body byte by byte", (head(503) + b"content-length: 9999\r\n\r\nbusy", Drip(b".")),
          InternalServerError, "busy", again=True, status=503),
    Fault("`x-should-retry: false`", (whole("", 503, headers={"x-should-retry": "false"}),),
          InternalServerError, "503", again=False, status=503),
    Fault("a redirect", (whole("", 307, headers={"location": "http://127.0.0.1:9/"}),),
          APIStatusError, "307", status=307),
    Fault("200 with HTML", (whole("<html>Sign in</html>", content_type="text/html"),),
          ResponseError, "text/html"),
    Fault("200 with an error", (whole('{"error": {"message": "Overloaded", "code": 503}}'),),
          InternalServerError, "Overloaded", again=True, status=503),
    Fault("200 with an error text", (whole('{"error": "Overloaded"}'),),
          StreamError, "Overloaded"),
    Fault("an unknown content encoding", (whole(b"xx", headers={"content-encoding": "br"}),),
          ResponseError),
)  # fmt: skip

WHOLE = (
    Fault("a complete response", (whole(answer()),), text="Hi there."),
    Fault("a complete response, gzip", (whole(gzip.compress(answer().encode()),
          headers={"content-encoding": "gzip"}),), text="Hi there."),
    Fault("a complete response, gzip in several members",
          (whole(gzip.compress(answer().encode()[:9]) + gzip.compress(answer().encode()[9:]),
          headers={"content-encoding": "gzip"}),),
          text="Hi there."),
    Fault("a truncated response, gzip", (whole(gzip.compress(answer().encode())[:-9],
          headers={"content-encoding": "gzip"}),), APIConnectionError, "truncated", again=True),
    Fault("204 and no body", (head(204) + b"\r\n",), ResponseError, status=204, caused=True),
    Fault("a body that ends early", (_LENGTH_100, Close()), **_CONNECTION),
    Fault("a body that is reset", (_LENGTH_100, Reset()), **_CONNECTION),
    Fault("no last HTTP chunk", (*_CHUNKED_JSON, Close()), **_CONNECTION),
    Fault("a body that stalls", (_LENGTH_100, Stall()), **_LATE, says="read"),
    Fault("a body, byte by byte", (_LENGTH_1E9, Drip(b" ", 0.01)),
          **_LATE, says="total"),
    Fault("an empty body", (whole(""),), ResponseError, "cannot be read", caused=True),
    Fault("truncated JSON", (whole(answer()[:-9]),), ResponseError, "cannot be read", caused=True),
    Fault("bad UTF-8", (whole(answer("@").encode().replace(b"@", b"\xff")),),
          ResponseError, "cannot be read", caused=True),
    Fault("JSON of another shape", (whole("[]"),), ResponseError, "cannot be read", caused=True),
    Fault("no choices", (whole('{"choices": []}'),), ResponseError, "choices", caused=True),
    Fault("`choices: null`", (whole('{"choices": null}'),), ResponseError, "choices", caused=True),
    Fault("a null message", (whole('{"choices": [{"message": null}]}'),),
          ResponseError, "message", caused=True),
    Fault("null content", (whole(answer(None)),), text=""),
    Fault("endless nesting", (whole("[" * 100_000),), ResponseError, caused=True),
    Fault("a response over the size limit", (whole(answer("x" * 6000)),),
          ResponseError, "max_response_size", limits=_SMALL),
    Fault("a response over the size limit, gzip",
          (whole(_BOMB, headers={"content-encoding": "gzip"}),),
          ResponseError, "max_response_size", limits=_SMALL),
    Fault("a tool call truncated by `max_tokens`",
          (whole(answer(None, "length", tool_calls=CUT_CALL)),),
          ToolCallArgumentsError, "pay", status=None, tools=True),
)  # fmt: skip


def _streamed(*pieces: bytes) -> tuple[bytes, ...]:
    return stream(SO, FAR, *pieces)


def _cut(name: str, *steps: Step, **expected: Any) -> Fault:
    """A stream that fails after "so far"."""
    return Fault(name, (*_streamed(), *steps), text="so far", **expected)


_INCOMPLETE: dict[str, Any] = {"error": IncompleteStreamError, "again": True}


def _packed(*pieces: bytes) -> tuple[Step, ...]:
    """A stream with a content coding, in one HTTP chunk a piece."""
    return (*stream(*pieces, headers={"content-encoding": "gzip"}), LAST_CHUNK)


def _flushed(*pieces: bytes) -> list[bytes]:
    """Pieces as a gateway packs them that flushes each and never ends."""
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    return [packer.compress(each) + packer.flush(zlib.Z_SYNC_FLUSH) for each in pieces]


REPEATED = stream(text("so ", "stop"), text("far", "stop"))

_SEPARATORS = "a\u2028b\u2029c\u0085d"
_SEPARATED = f"data: {json.dumps(delta(content=_SEPARATORS), ensure_ascii=False)}\n\n"

STREAMED = (
    Fault("204 and no body", (head(204, None) + b"\r\n",), **_INCOMPLETE, status=204),
    Fault("a complete stream", (*_streamed(END), LAST_CHUNK), text="so far"),
    _cut("ends without finish reason or [DONE]", LAST_CHUNK, **_INCOMPLETE),
    _cut("ends in the middle of an event", chunk(b'data: {"id"'), LAST_CHUNK, **_INCOMPLETE),
    Fault("ends before the first chunk", (*stream(), LAST_CHUNK), **_INCOMPLETE),
    Fault("[DONE] and nothing else", (*stream(DONE), LAST_CHUNK), **_INCOMPLETE),
    Fault("ends without framing", (head(200, "text/event-stream") + b"\r\n" + SO + FAR, Close()),
          text="so far", **_INCOMPLETE),
    Fault("ends while a tool call is open", (*stream(OPEN_CALL), LAST_CHUNK),
          **_INCOMPLETE, tools=True),
    Fault("reset while a tool call is open", (*stream(OPEN_CALL), Reset()),
          **_CONNECTION, tools=True),
    Fault("[DONE] while a tool call is open", (*stream(OPEN_CALL, DONE), LAST_CHUNK),
          ToolCallArgumentsError, "pay", tools=True),
    Fault("a tool call truncated by `max_tokens`", (*stream(OPEN_CALL, sse(delta("length")), DONE),
          LAST_CHUNK), ToolCallArgumentsError, "pay", tools=True),
    _cut("reset", Reset(), **_CONNECTION),
    _cut("no last HTTP chunk", Close(), **_CONNECTION),
    _cut("an invalid HTTP chunk", b"zz\r\n", **_CONNECTION),
    _cut("stalls", Stall(), **_LATE),
    _cut("endless comments", Drip(chunk(b": keep-alive\n\n")),
         **_LATE, says="between_chunks"),
    _cut("an event, byte by byte", chunk(b"data: "), Drip(chunk(b"x")),
         **_LATE, says="between_chunks"),
    _cut("an endless HTTP chunk header", b"1;", Drip(b"x"),
         **_LATE, says="between_chunks"),
    Fault("endless chunks", (*stream(), Drip(chunk(text("a")))), **_LATE, says="total"),
    Fault("endless empty chunks", (*stream(), Drip(chunk(sse({"choices": []})))),
          **_LATE, says="between_chunks"),
    _cut("bad JSON", chunk(b"data: {nonsense}\n\n"), LAST_CHUNK, error=ResponseError, caused=True,
         says="nonsense"),
    _cut("bad UTF-8", chunk(b'data: {"choices": "\xff"}\n\n'), LAST_CHUNK,
         error=ResponseError, caused=True),
    _cut("endless nesting", chunk(b"data: " + b"[" * 50_000 + b"\n\n"), LAST_CHUNK,
         error=ResponseError, caused=True),
    _cut("HTML in the stream", chunk(b"data: <html>502</html>\n\n"), LAST_CHUNK,
         error=ResponseError, caused=True, says="502"),
    _cut("an error object", chunk(sse({"error": {"message": "Overloaded"}})),
         LAST_CHUNK, error=StreamError, says="Overloaded"),
    _cut("an error object with a status", chunk(sse({"error": {"message": "Busy", "code": 503}})),
         LAST_CHUNK, error=InternalServerError, says="Busy", status=503, again=True),
    _cut("an error text", chunk(sse({"error": "Overloaded"})), LAST_CHUNK, error=StreamError,
         says="Overloaded"),
    _cut("a `detail`", chunk(sse({"detail": "Overloaded"})), LAST_CHUNK, error=StreamError,
         says="Overloaded"),
    _cut("an `error` event", chunk(b"event: error\ndata: Overloaded\n\n"),
         LAST_CHUNK, error=StreamError, says="Overloaded"),
    Fault("plain JSON instead of a stream", (whole(answer()),),
          ResponseError, "application/json"),
    Fault("an event over the size limit", (*stream(SO, text("x" * 3000)), Stall()),
          ResponseError, text="so ", limits=_SMALL, caused=True),
    Fault("an endless line", (*stream(SO, b"data: "), Drip(chunk(b"x" * 600), 0)),
          ResponseError, text="so ", limits=_SMALL, caused=True),
    Fault("a stream over the size limit", (*stream(SO, *[b": " + b"x" * 600 + b"\n"] * 9), Stall()),
          ResponseError, "max_response_size", text="so ", limits=_SMALL),
    Fault("a byte order mark first", (*stream(b"\xef\xbb\xbf" + SO, FAR, END), LAST_CHUNK),
          text="so far"),
    Fault("CR, LF and CRLF", (*stream(SO.replace(b"\n", b"\r"), FAR.replace(b"\n", b"\r\n"), END),
          LAST_CHUNK), text="so far"),
    Fault("a byte at a time", (*stream(*(bytes([b]) for b in SO + FAR + END)), LAST_CHUNK),
          text="so far"),
    Fault("Unicode line separators in a text",
          (*stream(_SEPARATED.encode(), END), LAST_CHUNK), text=_SEPARATORS),
    Fault("empty and null choices", (*stream(sse({"choices": []}), SO, sse({"choices": None}),
          FAR, END), LAST_CHUNK), text="so far"),
    Fault("null deltas", (*stream(SO, sse({"choices": [{"index": 0, "delta": None}]}),
          sse(delta(content=None)), FAR, END), LAST_CHUNK), text="so far"),
    Fault("a finish reason in every chunk", (*stream(text("so ", "stop"), text("far", "stop"),
          text("", "stop"), DONE), LAST_CHUNK), text="so far"),
    Fault("a finish reason in every chunk, then the end", (*REPEATED, LAST_CHUNK),
          text="so far", **_INCOMPLETE),
    Fault("a finish reason in every chunk, then a reset", (*REPEATED, Reset()),
          text="so far", **_INCOMPLETE, caused=True),
    Fault("a finish reason in every chunk, then silence", (*REPEATED, Stall()),
          text="so far", **_INCOMPLETE, caused=True),
    Fault("a finish reason in every chunk, then an error",
          (*REPEATED, chunk(sse({"error": "Overloaded"})), LAST_CHUNK),
          StreamError, "Overloaded", text="so far"),
    Fault("gzip in several members", _packed(gzip.compress(SO), gzip.compress(FAR + END)),
          text="so far"),
    Fault("gzip, flushed and not ended after [DONE]", _packed(*_flushed(SO, FAR, END)),
          text="so far"),
    Fault("gzip, flushed and not ended before the end", _packed(*_flushed(SO, FAR)),
          APIConnectionError, "truncated", text="so far", again=True),
    Fault("no [DONE]", (*stream(SO, text("far", "stop")), LAST_CHUNK), text="so far"),
    Fault("reset after the finish reason", (*stream(SO, text("far", "stop")), Reset()),
          text="so far"),
    Fault("no last HTTP chunk after [DONE]", (*_streamed(END), Close()), text="so far"),
    Fault("stalls after [DONE]", (*_streamed(END), Stall()), text="so far"),
    Fault("stalls after the finish reason", (*stream(SO, text("far", "stop")), Stall()),
          text="so far"),
    Fault("endless comments after [DONE]", (*_streamed(END), Drip(chunk(b": on\n\n"))),
          text="so far"),
)  # fmt: skip
