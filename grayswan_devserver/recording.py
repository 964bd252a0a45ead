"""What a test can see of the requests that came in."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any

__all__ = ["RecordedRequest", "Recorder"]


@dataclass
class RecordedRequest:
    """One request that the server got.

    Attributes:
        method: the HTTP method.
        path: the path without the query.
        headers: names in lower case; a key is not kept.
        authorized: whether a key came along.
        body: the JSON object that was sent, empty where there was none.
        raw: the body as it came.
        request_id: the `x-request-id` of the response.
        status: the status of the response, or `None` before there is one.
        aborted: whether the client disconnected before the end of the response.
    """

    method: str
    path: str
    headers: dict[str, str]
    authorized: bool
    body: dict[str, Any]
    raw: bytes
    request_id: str
    status: int | None = None
    aborted: bool = False
    _finished: Event = field(default_factory=Event, repr=False, compare=False)

    @property
    def line(self) -> str:
        """The request in one line: method, path, roles of its messages, status."""
        messages = self.body.get("messages")
        roles = [
            str(message.get("role")) if isinstance(message, dict) else "?"
            for message in (messages if isinstance(messages, list) else ())
        ]
        outcome = "client left" if self.aborted else str(self.status or "no response")
        return " ".join([self.method, self.path, *roles, "->", outcome])

    def finish(self) -> None:
        """Say that the server is done with the request, answered or aborted."""
        self._finished.set()

    def wait(self, timeout: float = 10.0) -> bool:
        """Wait until the server is done with the request; at most `timeout` seconds.

        Returns:
            whether it is.
        """
        return self._finished.wait(timeout)


class Recorder:
    """The requests in the order they came. Safe to use from several threads.

    Args:
        limit: How many to keep, the latest; all of them unless given.
        on_finished: Called with each request when the server is done with it.
    """

    def __init__(
        self,
        limit: int | None = None,
        on_finished: Callable[[RecordedRequest], None] | None = None,
    ) -> None:
        self._on_finished = on_finished
        self._requests: deque[RecordedRequest] = deque(maxlen=limit)
        self._statuses: Counter[int] = Counter()
        self._lock = Lock()

    def add(self, request: RecordedRequest) -> None:
        with self._lock:
            self._requests.append(request)

    def respond(self, request: RecordedRequest, status: int) -> None:
        """Note and count the status of a response, before any of it goes out.

        Whoever has a response finds it counted.
        """
        with self._lock:
            request.status = status
            self._statuses[status] += 1

    def finish(self, request: RecordedRequest) -> None:
        """Note that the server is done with a request."""
        request.finish()
        if self._on_finished is not None:
            self._on_finished(request)

    def clear(self) -> None:
        with self._lock:
            self._requests.clear()
            self._statuses.clear()

    @property
    def statuses(self) -> Counter[int]:
        """How many responses had which status, those of requests no longer kept included."""
        with self._lock:
            return self._statuses.copy()

    @property
    def requests(self) -> list[RecordedRequest]:
        """A copy of the list."""
        with self._lock:
            return list(self._requests)
