"""One HTTP/1.1 response to a POST, bytes → head and body. Sans-I/O.

httptools (llhttp) parses, and refuses most of what is ambiguous. What it leaves to its caller is
here: heads and trailers of bounded size, transfer codings other than chunked, 1xx responses,
responses that end with the connection, and bytes that come after the response.
"""

from __future__ import annotations

import httptools

from grayswan_core.http.protocol import ProtocolError

__all__ = ["ResponseParser"]

# Bytes that may come without any of the body: a head, trailers, a chunk's extensions.
_MAX_OVERHEAD = 256 * 1024

_FIRST_FINAL = 200
_BODILESS = frozenset({204, 304})


class ResponseParser:
    """Parses one response; `release` it when it is done with.

    Attributes:
        status: The status, once `has_head`; 1xx are skipped.
        headers: Names in lower case, values of repeated ones joined by commas.
        has_head: Whether the head is complete.
        complete: Whether the whole response is.
        buffered: Bytes of the body that wait to be taken.
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.has_head = False
        self.complete = False
        self.buffered = 0
        self._pieces: list[bytes] = []
        self._keeps_alive = True
        self._overhead = 0
        self._error: Exception | None = None
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)

    @property
    def reusable(self) -> bool:
        """Whether the connection may carry another request after this response."""
        return self.complete and self._keeps_alive

    def forbid_reuse(self) -> None:
        """Let the connection carry no other request."""
        self._keeps_alive = False

    def feed(self, data: bytes) -> None:
        """Parse what has arrived. What comes after the response is thrown away."""
        if self.complete or self._error is not None or self._parser is None:
            self.forbid_reuse()
            return
        self._overhead += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.fail(ProtocolError("it switched to another protocol"))
        except httptools.HttpParserError as error:
            self.fail(ProtocolError(f"it is not HTTP/1.1 ({error})"))
        if self._overhead > _MAX_OVERHEAD:
            self.fail(ProtocolError(f"it has a head of more than {_MAX_OVERHEAD:,} bytes"))

    def feed_eof(self) -> None:
        """Note that the connection was closed, which may be the end of the response."""
        is_framed = {"content-length", "transfer-encoding"} & self.headers.keys()
        if self.has_head and not is_framed and self._error is None:
            self.complete = True
        self.fail(ProtocolError("it was closed"))

    def fail(self, error: Exception) -> None:
        """Note what keeps the response from being completed. The first error counts."""
        self.forbid_reuse()
        if not self.complete and self._error is None:
            self._error = error

    def check(self) -> None:
        """Let pass a response that can still be completed; what has arrived of it can be taken.

        Raises:
            Exception: what keeps it.
        """
        if self._error is not None:
            raise self._error

    def take(self) -> bytes:
        """The body that has arrived since the last time; may be empty."""
        pieces = self._pieces
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.buffered = 0
        return piece

    def release(self) -> None:
        """Let go of httptools' parser, which refers back to this object."""
        self._parser = None

    # --- called by httptools

    def on_message_begin(self) -> None:
        if self.complete:
            self.forbid_reuse()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.has_head:  # a trailer
            return
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1").strip()
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        if self.complete or self._parser is None:
            return
        status = self._parser.get_status_code()
        if status < _FIRST_FINAL:
            return
        self.status = status
        self.has_head = True
        coding, length = map(self.headers.get, ("transfer-encoding", "content-length"))
        if coding is not None and coding.lower() != "chunked":
            self.fail(ProtocolError("its transfer-encoding is unknown"))
        elif status in _BODILESS:
            # Whatever its headers say of one; and who says so may be wrong about what follows.
            self.complete = True
            self._keeps_alive = coding is None and length in (None, "0")

    def on_body(self, body: bytes) -> None:
        if self.complete or self._error is not None:
            return
        self._overhead = 0
        self._pieces.append(body)
        self.buffered += len(body)

    def on_message_complete(self) -> None:
        if not self.has_head:  # 1xx
            self.headers.clear()
            self._overhead = 0
        elif not self.complete and self._error is None and self._parser is not None:
            self.complete = True
            self._keeps_alive = self._keeps_alive and self._parser.should_keep_alive()
