"""An error response or event to one of our errors. Sans-I/O.

Four shapes are known: the API's own `{"error": true, "message": ..., "detail": ...}`,
FastAPI's `{"detail": [{"loc": ..., "msg": ...}]}`, OpenAI's `{"error": {"message": ...}}`, and
whatever a gateway in front says in HTML or plain text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

from pydantic_core import from_json

from grayswan_core._message_text import CUT, printable, shortened
from grayswan_core.errors import (
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ContextOverflowError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ResponseError,
    StreamError,
    UnprocessableEntityError,
)

__all__ = [
    "error_from_event",
    "error_from_refusal",
    "error_from_response",
    "error_from_wrong_type",
    "excerpt",
    "retry_after_seconds",
    "says_error",
    "should_retry",
    "text_or_json",
]

_BY_STATUS: dict[int, type[APIError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: APITimeoutError,
    409: ConflictError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}
_INPUT_STATUSES = frozenset({400, 413, 422})
_FIRST_SERVER_ERROR = 500

_HINTS = {
    401: "Check the API key: GRAYSWAN_API_KEY, or the argument api_key.",
}

_WRONG_ADDRESS = (
    "Check the model's name and the base URL: base_url goes without /v1 and without the endpoint's"
    " path, which is added (chat_path)."
)

_OVERFLOW = re.compile(
    r"context[ _-]?(length|window|size|limit)|too many tokens"
    r"|(prompt|input|messages?) (is|are) too long|maximum.{0,20}tokens|token limit"
    r"|tokens exceed the .{0,20}limit|reduce the length of the (messages|prompt|input)"
    r"|tokens.{0,9}\+.{0,9}max_new_tokens.{0,9}must be <=",
    re.IGNORECASE,
)
_OVERFLOW_CODE = "context_length_exceeded"

# An object with one of these is a response, whatever else is in it.
_ANSWER_FIELDS = frozenset({"choices", "usage", "flagged", "violation"})

_EXCERPT_LENGTH = 300
_BODY_LENGTH = 64 * 1024

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# Where an error object has its words; the last is the monitor's.
_WORDS = ("message", "error", "detail", "error_message")


def error_from_refusal(
    accept: str, url: str, status: int, headers: Mapping[str, str], body: bytes
) -> APIError:
    """The error for a response with another status or content type than expected."""
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's successes
        return error_from_wrong_type(accept, headers, body, url=url)
    return error_from_response(status, headers, body, url=url)


def error_from_response(
    status: int, headers: Mapping[str, str], body: bytes, *, url: str = ""
) -> APIError:
    """The error for a response whose status is not 200.

    Args:
        status: The HTTP status.
        headers: The response's headers, names in lower case.
        body: The response's body, or as much of it as was read.
        url: Where the request was sent; a 404 names it, without its query.
    """
    payload = _json_or_none(body)
    said = _one_line(_words(payload)) or excerpt(body)
    kind = _class_for(status, said, payload)
    retry_after = retry_after_seconds(headers)
    wait = None if retry_after is None else f"It asks to wait {retry_after:,.0f} s"
    return kind(
        _sentences(f"The API responded with {status}", said, wait, _hint(status, url)),
        status_code=status,
        request_id=headers.get("x-request-id"),
        retry_after=retry_after,
        should_retry=should_retry(headers),
        body=text_or_json(body),
    )


def _hint(status: int, url: str) -> str | None:
    if status != 404:  # noqa: PLR2004 - "Not Found"
        return _HINTS.get(status)
    requested = f"The request was sent to {_without_query(url)}" if url else None
    return _sentences(requested, _WRONG_ADDRESS)


def _without_query(url: str) -> str:
    return url.partition("?")[0]  # a query may hold a gateway's secret


def error_from_wrong_type(
    expected: str, headers: Mapping[str, str], body: bytes, *, url: str = ""
) -> APIError:
    """The error for a response with status 200 and an unexpected content type."""
    payload = _json_or_none(body)
    if isinstance(payload, Mapping) and says_error(payload):
        return error_from_event(payload)
    kind = headers.get("content-type") or "no content type"
    return ResponseError(
        f"{_without_query(url) or 'The API'} responded with {kind} instead of {expected}. Is the"
        " base URL right?"
        f" The response begins with {excerpt(body)!r}.",
        request_id=headers.get("x-request-id"),
        body=text_or_json(body),
    )


def says_error(payload: object) -> bool:
    """Whether a JSON value that came with status 200 reports an error all the same."""
    if not isinstance(payload, Mapping):
        return False
    if payload.get("error"):
        return True
    is_answer = not _ANSWER_FIELDS.isdisjoint(payload)
    return not is_answer and bool(payload.get("detail") or payload.get("message"))


def error_from_event(payload: Mapping[str, Any]) -> APIError:
    """The error for a JSON object that reports one inside a stream, or with status 200."""
    said = _one_line(_words(payload)) or "no reason given"
    status = _status_in(payload)
    kind = _class_for(status, said, payload)
    message = _sentences(f"The API reported an error: {said}")
    return kind(message, status_code=status, body=dict(payload))


def excerpt(body: bytes) -> str:
    """The start of a body as one line of text, for a message."""
    window = 4 * _EXCERPT_LENGTH
    text = _one_line(_text(body[:window]))
    if len(body) > window and len(text) <= _EXCERPT_LENGTH:
        return text + CUT
    return shortened(text, _EXCERPT_LENGTH)


def text_or_json(body: bytes) -> Any:
    """A body as an error keeps it: parsed JSON, else the start of its text, else None."""
    payload = _json_or_none(body)
    return payload if payload is not None else _text(body[:_BODY_LENGTH]) or None


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace").removeprefix("\ufeff")


def _one_line(text: str) -> str:
    return " ".join(printable(text).split())


def _sentences(*parts: str | None) -> str:
    """The parts with an end to each: a full stop where it has none."""
    said = filter(None, parts)
    return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in said)


def _class_for(status: int | None, said: str, payload: Any) -> type[APIError]:
    if _code_in(payload) == _OVERFLOW_CODE:
        return ContextOverflowError
    if status in _INPUT_STATUSES and _OVERFLOW.search(said):
        return ContextOverflowError
    if status is None:
        return StreamError
    if status >= _FIRST_SERVER_ERROR:
        return InternalServerError
    return _BY_STATUS.get(status, APIStatusError)


def _status_in(payload: Mapping[str, Any]) -> int | None:
    """The HTTP status an error object names, under one of the names in use."""
    inner = payload.get("error")
    for source in (inner if isinstance(inner, Mapping) else {}, payload):
        for key in ("status", "status_code", "code"):
            value = source.get(key)
            if isinstance(value, int) and 400 <= value < 600:  # noqa: PLR2004 - HTTP errors
                return value
    return None


def _code_in(payload: Any) -> object:
    """The code of an error object: the API's `error_code`, or `code` as OpenAI has it."""
    if not isinstance(payload, Mapping):
        return None
    inner = payload.get("error")
    return payload.get("error_code") or (inner.get("code") if isinstance(inner, Mapping) else None)


def _json_or_none(body: bytes) -> Any:
    try:
        return from_json(body.removeprefix(_BYTE_ORDER_MARK))
    except ValueError:
        return None


def _words(payload: Any) -> str:
    """The human words in an error object, whichever of the known shapes it has."""
    if isinstance(payload, str):
        return payload.strip()
    if isinstance(payload, list):
        return "; ".join(filter(None, map(_problem, payload)))
    if not isinstance(payload, Mapping):
        return ""
    if "msg" in payload:
        return _problem(payload)
    found = [_words(payload[key]) for key in _WORDS if key in payload]
    return ": ".join(dict.fromkeys(filter(None, found))).replace(".: ", ". ")


def _problem(item: Any) -> str:
    """One entry of FastAPI's list: the field's path and what is wrong with it."""
    if not isinstance(item, Mapping) or "msg" not in item:
        return _words(item)
    place = item.get("loc")
    path = ".".join(map(str, place)) if isinstance(place, list) else ""
    return f"{path}: {item['msg']}" if path else str(item["msg"])


def should_retry(headers: Mapping[str, str]) -> bool | None:
    """Whether the API says to retry (header `x-should-retry`), or None when it does not."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", "").strip().lower())


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """The wait the API asks for, in seconds, or None when it asks for none that makes sense.

    The headers are `retry-after-ms`, and `retry-after` in seconds or as an HTTP date.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    if value is None:
        return None
    seconds = _number(value)
    return _seconds_until(value) if seconds is None else seconds


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and isfinite(number) and number > 0 else None


def _seconds_until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:  # HTTP dates are in GMT, even where "-0000" hides it
        moment = moment.replace(tzinfo=timezone.utc)
    seconds = (moment - datetime.now(timezone.utc)).total_seconds()
    return seconds if seconds > 0 else None
