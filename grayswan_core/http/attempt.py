"""One try of a call: what its pieces give, when it is over, and what its failure is. Sans-I/O.

For sync and async alike, a body is held against the clocks and the limits here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Protocol, TypeVar

from grayswan_core.errors import APIConnectionError, APIError, IncompleteStreamError, ResponseError
from grayswan_core.http.deadline import Deadline
from grayswan_core.http.decompress import Unpacker
from grayswan_core.http.protocol import Request
from grayswan_core.limits import Limits

__all__ = ["Attempt", "Call", "Reader"]

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)

# Seconds. After a finish reason, usage and `[DONE]` may follow; after `[DONE]`, only the end of
# the body, and reading it lets the connection be used again.
_REST_WAIT = 5.0
_END_WAIT = 0.1

_OK, _REDIRECTS = 200, 300


class Reader(Protocol[_T_co]):
    """Turns the pieces of a body into items, and knows when there are no more to come."""

    request_id: str | None

    @property
    def done(self) -> bool: ...
    @property
    def cut(self) -> bool: ...
    @property
    def started(self) -> bool: ...
    @property
    def finished(self) -> bool: ...
    @property
    def resumed(self) -> bool: ...
    def feed(self, piece: bytes) -> Iterable[_T_co]: ...
    def close(self) -> Iterable[_T_co]: ...
    def failed(self, error: APIError) -> APIError: ...


@dataclass(frozen=True)
class Call(Generic[_T]):
    """One request, and how its response is read.

    Attributes:
        request: What is sent.
        accept: The content type of the response.
        streams: Whether the response comes in chunks, each of which is waited for.
        new_reader: Makes the reader of one try's response.
        refusal: The error for a response of another status or content type, from its status, its
            headers (names in lower case) and the start of its body.
    """

    request: Request
    accept: str
    streams: bool
    new_reader: Callable[[], Reader[_T]]
    refusal: Callable[[int, Mapping[str, str], bytes], APIError]


class Attempt(Generic[_T]):
    """One try.

    Args:
        call: What is tried.
        deadline: The call's clocks.
        limits: How large the response may be.
    """

    def __init__(self, call: Call[_T], deadline: Deadline, limits: Limits) -> None:
        self._call = call
        self._reader = call.new_reader()
        self._deadline = deadline
        self._limits = limits
        self._room = limits.max_response_size
        self._status: int | None = None
        self._headers: Mapping[str, str] = {}
        self._unpacker: Unpacker | None = None
        self._refusal: bytes | None = None  # the start of its body
        self._may_linger = False
        deadline.check()

    def begin(self, status: int, headers: Mapping[str, str], *, may_linger: bool) -> None:
        """Note that a response has begun.

        Args:
            status: Its HTTP status.
            headers: Its headers, names in lower case.
            may_linger: Whether the end of a body can be waited for as briefly as one likes.

        Raises:
            ResponseError: it is packed in a way that cannot be unpacked.
        """
        call = self._call
        self._status = status
        self._reader.request_id = headers.get("x-request-id")
        self._headers = headers
        self._may_linger = may_linger
        kind = headers.get("content-type", call.accept).partition(";")[0].strip().lower()
        if not (_OK <= status < _REDIRECTS and kind == call.accept):
            self._refusal = b""
        if call.streams or self._refusal is not None:
            self._deadline.expect_chunk()
        coding = headers.get("content-encoding")
        if coding is not None:
            try:
                self._unpacker = Unpacker(coding)
            except ResponseError:
                if self._refusal is None:
                    raise

    @property
    def over(self) -> bool:
        """Whether nothing more is to be read."""
        if self._refusal is not None:
            return len(self._refusal) >= self._limits.max_error_size
        reader = self._reader
        return reader.done and (reader.cut or not (self._may_linger and reader.finished))

    def feed(self, piece: bytes) -> Iterator[_T]:
        """The items that end within a piece. What has come is handed out, in time or not.

        Raises:
            APIError: the response cannot be read, is too large or too late.
        """
        if self._unpacker is None and self._refusal is None:
            return self._take(piece)
        return self._unpack(piece)

    def _unpack(self, piece: bytes) -> Iterator[_T]:
        for part in (piece,) if self._unpacker is None else self._unpacker.feed(piece):
            if self._refusal is None:
                yield from self._take(part)
            else:
                self._refusal += part
                self._deadline.check()
            if self.over:
                return

    def _take(self, piece: bytes) -> Iterator[_T]:
        reader, deadline = self._reader, self._deadline
        self._room -= len(piece)
        came = None
        for item in reader.feed(piece):
            if came is None:
                came = deadline.clock()
            yield item
        if came is not None:
            deadline.go_on(came)
        if self._room < 0:
            raise ResponseError(
                f"The response is larger than {self._limits.max_response_size:,} bytes (limit"
                " `max_response_size`)."
            )
        if reader.finished:
            deadline.expect_end(_END_WAIT if reader.done else _REST_WAIT)
        elif came is not None and reader.resumed:
            deadline.expect_more()
        if came is None:
            deadline.check()

    def close(self) -> Iterable[_T]:
        """The items that the end of the body completes.

        Raises:
            APIError: it is an error response, or the response is incomplete.
        """
        if self._refusal is not None and self._status is not None:
            start = self._refusal[: self._limits.max_error_size]
            raise self._call.refusal(self._status, self._headers, start)
        if self._unpacker is not None and not self._reader.finished:
            self._unpacker.close()
        return self._reader.close()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        """Let a connection break once the response is whole: nothing is lost.

        Of a refusal, what has arrived will do, since its status says most.

        Raises:
            IncompleteStreamError: it broke where only `[DONE]` would have ended the stream well.
        """
        if self._refusal is not None:
            return isinstance(error, APIError)
        if not isinstance(error, APIConnectionError):
            return False
        if self._reader.resumed:
            raise IncompleteStreamError(
                "The stream went on after a finish reason, and ended before [DONE] had come:"
                f" {error.message}"
            ) from error.with_traceback(None)
        return self._reader.finished

    def judge(self, error: APIError) -> bool:
        """Add to an error what is known of the response; whether another try is possible."""
        self._reader.failed(error)
        if error.status_code is None:
            error.status_code = self._status
        if error.request_id is None:
            error.request_id = self._reader.request_id
        return not self._reader.started
