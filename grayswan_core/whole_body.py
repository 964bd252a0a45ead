"""The pieces of a plain JSON body to the one answer they make up. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json

from grayswan_core.error_responses import error_from_event, excerpt, says_error
from grayswan_core.errors import APIError, ResponseError
from grayswan_core.wire import ChatResponse, ModerationResponse, parse

__all__ = ["DEFAULT_MAX_BODY_SIZE", "WholeBody"]

DEFAULT_MAX_BODY_SIZE = 64 * 1024 * 1024
"""Bytes that one plain answer may take."""

_T = TypeVar("_T", ChatResponse, ModerationResponse)


class WholeBody(Generic[_T]):
    """One plain answer: feed it bytes, and close it at the body's end for the answer.

    It has the same shape as `ChunkStream`, so that one shell drives both.
    """

    done = False
    started = False
    finished = False

    def __init__(self, kind: type[_T], max_body_size: int = DEFAULT_MAX_BODY_SIZE) -> None:
        self._kind: type[_T] = kind
        self._pieces: list[bytes] = []
        self._size = 0
        self._max_body_size = max_body_size

    def feed(self, piece: bytes) -> Iterable[_T]:
        """Take a piece in.

        Raises:
            ResponseError: the body has more bytes than the limit.
        """
        self._size += len(piece)
        if self._size > self._max_body_size:
            raise ResponseError(f"The answer is larger than {self._max_body_size:,} bytes.")
        self._pieces.append(piece)
        return ()

    def close(self) -> Iterable[_T]:
        """The answer.

        Raises:
            APIError: the body reports an error, or cannot be read as an answer.
        """
        body = b"".join(self._pieces)
        try:
            answer = parse(self._kind, body)
        except ValueError as error:
            failure = _unreadable(body, error)
        else:
            if not (answer.model_extra and answer.model_extra.get("error")):
                return (answer,)
            failure = error_from_event(answer.model_dump(exclude_unset=True))
        # Not chained: pydantic's error would carry the whole body along, and says no more.
        raise failure

    def failed(self, error: APIError) -> APIError:
        """The same error: of a plain answer there is no part worth keeping."""
        return error


def _unreadable(body: bytes, error: ValueError) -> APIError:
    try:
        payload = from_json(body)
    except ValueError:
        payload = None
    if isinstance(payload, dict) and says_error(payload):
        return error_from_event(payload)
    return ResponseError(
        f"The answer cannot be read: {_reason(error)}. It begins with {excerpt(body)!r}.",
        body=payload if payload is not None else excerpt(body),
    )


def _reason(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(str(step) for step in first["loc"])
        return f"{path}: {first['msg']}" if path else first["msg"]
    return str(error)
