"""One try of a call: what its pieces give, when it is over, and what its failure is. Sans-I/O.

For sync and async alike, a body is held against the clocks and the limits here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Generic, Protocol, TypeVar

from grayswan_core.errors import APIConnectionError, APIError, IncompleteStreamError, ResponseError
from grayswan_core.http.deadline import Deadline

__all__ = ["Attempt", "Call", "Reader"]

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)

# Seconds. After a finish reason, usage and `[DONE]` may follow; after `[DONE]`, only the end of
# the body, and reading it lets the connection be used again.
_REST_WAIT = 5.0
_END_WAIT = 0.1


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
        url: Where it goes, by POST.
        headers: Makes the headers. The key is among them, so nothing keeps them.
        body: What is sent.
        accept: The content type of the response.
        streams: Whether the response comes in chunks, each of which is waited for.
        new_reader: Makes the reader of one try's response.
        refusal: The error for a response of another status or content type, from its status, its
            headers (names in lower case) and the start of its body.
    """

    url: str
    headers: Callable[[], dict[str, str]] = field(repr=False)
    body: bytes = field(repr=False)
    accept: str
    streams: bool
    new_reader: Callable[[], Reader[_T]]
    refusal: Callable[[int, Mapping[str, str], bytes], APIError]


class Attempt(Generic[_T]):
    """One try.

    Args:
        call: What is tried.
        deadline: The call's clocks.
        max_size: Bytes that the answer may have.
    """

    def __init__(self, call: Call[_T], deadline: Deadline, max_size: int) -> None:
        self._call = call
        self._reader = call.new_reader()
        self._deadline = deadline
        self._room = self._max_size = max_size
        self._status: int | None = None
        self._may_linger = False
        deadline.check()

    def begin(self, status: int, headers: Mapping[str, str], *, may_linger: bool) -> None:
        """Note that an answer has begun.

        Args:
            status: Its HTTP status.
            headers: Its headers, names in lower case.
            may_linger: Whether the end of a body can be waited for as briefly as one likes.
        """
        self._status = status
        self._reader.request_id = headers.get("x-request-id")
        self._may_linger = may_linger
        if self._call.streams:
            self._deadline.expect_chunk()

    @property
    def over(self) -> bool:
        """Whether nothing more is to be read."""
        reader = self._reader
        return reader.done and (reader.cut or not (self._may_linger and reader.finished))

    def feed(self, piece: bytes) -> Iterator[_T]:
        """The items that end within a piece. What has come is handed out, in time or not.

        Raises:
            APIError: the answer is none, too large or too late.
        """
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
                f"The answer is larger than {self._max_size:,} bytes (limit `max_response_size`)."
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
            APIError: it is not the end of an answer.
        """
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

        Raises:
            IncompleteStreamError: it broke where only `[DONE]` would have ended the stream well.
        """
        if not isinstance(error, APIConnectionError):
            return False
        if self._reader.resumed:
            raise IncompleteStreamError(
                "The stream went on after a finish reason, and ended before [DONE] had come:"
                f" {error.message}"
            ) from error.with_traceback(None)
        return self._reader.finished

    def judge(self, error: APIError) -> bool:
        """Tell an error what is known of the answer; whether another try is possible."""
        self._reader.failed(error)
        if error.status_code is None:
            error.status_code = self._status
        if error.request_id is None:
            error.request_id = self._reader.request_id
        return not self._reader.started
