"""The pieces of a JSON body to the one response they make up. Sans-I/O."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json

from grayswan_core.decoding.error_body import error_from_event, excerpt, says_error, text_or_json
from grayswan_core.decoding.tool_calls import complete_ids
from grayswan_core.errors import APIError, ResponseError
from grayswan_core.wire import ChatResponse, ModerationResponse, MonitorResponse, parse

__all__ = ["JSONBody"]

_T = TypeVar("_T", ChatResponse, ModerationResponse, MonitorResponse)


class JSONBody(Generic[_T]):
    """One JSON response: feed it bytes, and close it at the body's end for the response.

    It has the same methods as `ChunkStream`, so that one loop drives both.
    """

    request_id: str | None = None
    done = False
    cut = False
    started = False
    finished = False
    resumed = False

    def __init__(self, kind: type[_T]) -> None:
        self._kind: type[_T] = kind
        self._pieces: list[bytes] = []

    def feed(self, piece: bytes) -> Iterable[_T]:
        """Take a piece in."""
        self._pieces.append(piece)
        return ()

    def close(self) -> Iterable[_T]:
        """The response.

        Raises:
            APIError: the body reports an error, or cannot be read as a response.
        """
        body = b"".join(self._pieces)
        try:
            answer = parse(self._kind, body)
        except ValueError as error:
            reason = _reason(error)
        else:
            if answer.model_extra and answer.model_extra.get("error"):
                raise error_from_event(answer.model_dump(exclude_unset=True))
            if isinstance(answer, ChatResponse):
                answer.request_id = self.request_id or answer.request_id
                for choice in answer.choices:
                    complete_ids(choice.message.tool_calls or ())
            return (answer,)
        raise _unreadable(body, reason)

    def failed(self, error: APIError) -> APIError:
        """The same error: of a JSON response there is no part worth keeping."""
        return error


def _unreadable(body: bytes, reason: str) -> APIError:
    try:
        payload = from_json(body)
    except ValueError:
        payload = None
    if isinstance(payload, dict) and says_error(payload):
        return error_from_event(payload)
    failure = ResponseError(
        f"The response cannot be read: {reason}. It begins with {excerpt(body)!r}.",
        body=text_or_json(body),
    )
    # Pydantic's own error would carry the whole body along, and says no more.
    failure.__cause__ = ValueError(reason)
    return failure


def _reason(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(str(step) for step in first["loc"])
        return f"{path}: {first['msg']}" if path else first["msg"]
    return str(error)
