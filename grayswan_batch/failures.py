"""What any library's error says: is it a rate limit, may it pass, which status, for how long.

Our own errors, langchain-core's, openai's, anthropic's, Google's, botocore's, httpx's and aiohttp's
carry these as attributes of the error, of its `response`, or of an error behind it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

__all__ = [
    "Failure",
    "failure_of",
    "is_rate_limit",
    "is_refused_key",
    "may_pass",
    "retry_after_of",
    "status_of",
    "text_of",
]

_TOO_MANY = 429
_OVERLOADED = (503, 529)
_PASSING = (408, 409, 425, _TOO_MANY)
_UNAUTHORIZED = 401
_SERVER_ERROR = 500
_LONGEST_TEXT = 2000
_STATUS = ("status_code", "status", "code", "HTTPStatusCode")
_STATUSES = range(100, 600)

Failure = dict[str, Any]
"""What is written down of a failure: `error_type`, `error`, `status_code`, `request_id`."""


def failure_of(error: BaseException) -> Failure:
    """What is written down of an error."""
    text = text_of(error)
    failure: Failure = {
        "error_type": type(error).__name__,
        "error": text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "...",
        "status_code": status_of(error),
        "request_id": _first(error, "request_id", str),
    }
    if partial := _first(error, "partial_text", str):
        failure["partial"] = partial  # it was paid for
    return failure


def text_of(value: object) -> str:
    """What an object says of itself; its class, where that is nothing or fails."""
    try:
        return str(value) or type(value).__name__
    except Exception:  # noqa: BLE001 - the class may be anybody's
        return type(value).__name__


def status_of(error: BaseException) -> int | None:
    """The HTTP status behind an error."""
    for each in _chain(error):
        response = _get(each, "response")
        if isinstance(response, Mapping):  # botocore's
            response = response.get("ResponseMetadata")
        for holder in (each, response):
            for name in _STATUS:
                status = _get(holder, name)
                if isinstance(status, int) and status in _STATUSES:
                    return int(status)
    return None


def is_rate_limit(error: BaseException) -> bool:
    """Whether there were too many requests; an overload that says how long to wait is one too."""
    status = status_of(error)
    if status in _OVERLOADED:
        return retry_after_of(error) is not None
    if status is None:
        return any("RateLimit" in type(each).__name__ for each in _chain(error))
    return status == _TOO_MANY


def is_refused_key(error: BaseException) -> bool:
    """Whether no request can succeed: the key is wrong, or there is none."""
    if status_of(error) == _UNAUTHORIZED:
        return True
    return any(
        kind.__name__ == "ConfigurationError"
        for each in _chain(error)
        for kind in type(each).__mro__
    )


def may_pass(error: BaseException) -> bool:
    """Whether the same request may succeed when it is sent again."""
    for each in _chain(error):
        said = _get(each, "is_retryable")
        if isinstance(said, bool):
            return said
    status = status_of(error)
    if status is not None:
        return status in _PASSING or status >= _SERVER_ERROR
    return any(
        isinstance(each, (TimeoutError, ConnectionError))
        or "Timeout" in type(each).__name__
        or "Connect" in type(each).__name__
        for each in _chain(error)
    )


def retry_after_of(error: BaseException) -> float | None:
    """Seconds that the API asked to wait."""
    for each in _chain(error):
        said = _get(each, "retry_after")
        if isinstance(said, (int, float)) and not isinstance(said, bool):
            return _sane(float(said))
        headers = _get(_get(each, "response"), "headers")
        if isinstance(headers, Mapping) and (wait := _from_headers(headers)) is not None:
            return wait
    return None


def _from_headers(headers: Mapping[str, str]) -> float | None:
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return _sane(float(milliseconds) / 1000)
        said = headers.get("retry-after")
        if not said:
            return None
        if said.strip().replace(".", "", 1).isdecimal():
            return _sane(float(said))
        return _sane(parsedate_to_datetime(said).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def _sane(seconds: float) -> float | None:
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _first(error: BaseException, name: str, kind: type[Any]) -> Any:
    for each in _chain(error):
        value = _get(each, name)
        if isinstance(value, kind):
            return value
    return None


def _get(holder: Any, name: str) -> Any:
    """An attribute or item, or None: that of an error may be a property which fails."""
    try:
        return holder.get(name) if isinstance(holder, Mapping) else getattr(holder, name, None)
    except Exception:  # noqa: BLE001 - the class may be anybody's
        return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and the errors it was raised from."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__
