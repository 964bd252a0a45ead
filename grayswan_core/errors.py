"""Everything that can go wrong, as one tree.

```
GraySwanError
├── ConfigurationError                    no key, a base URL that cannot be used
├── InvalidRequestError (ValueError)      cannot be sent; nothing was
│   └── UnsupportedContentError           an image, an unknown role, ...
└── APIError                              something happened to a request
    ├── APIConnectionError                no response, or the connection broke
    │   └── APITimeoutError               ... because it took too long (408 too)
    ├── APIStatusError                    the API responded with an error status
    │   ├── BadRequestError               400
    │   │   └── ContextOverflowError      400, 413 or 422 that says the input is too long
    │   ├── AuthenticationError           401
    │   ├── PermissionDeniedError         403
    │   ├── NotFoundError                 404
    │   ├── ConflictError                 409
    │   ├── UnprocessableEntityError      422
    │   ├── RateLimitError                429
    │   └── InternalServerError           5xx
    └── ResponseError                     status 200, but not a valid response
        ├── IncompleteStreamError         the stream ended before the response did
        ├── ToolCallMissingError (ValueError)    no tool was called where one had to be
        ├── ToolCallArgumentsError (ValueError)  a tool call's arguments are cut or unreadable
        ├── ContentFilterError            the model refused, and was set to raise
        │   └── CygnalViolationError      a guard blocked something, which was to be an error
        └── StreamError                   the API reported an error inside the stream
```

An `APIError` says what happened in words, whether the same request may succeed when it is sent
again (`is_retryable`), and keeps what had arrived before the failure (`partial`). It never holds
the request or its headers, so no key can leak through it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grayswan_core._message_text import printable, redact, shortened

if TYPE_CHECKING:
    from grayswan_core.wire import ChatResponse

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "ConfigurationError",
    "ConflictError",
    "ContentFilterError",
    "ContextOverflowError",
    "CygnalViolationError",
    "GraySwanError",
    "IncompleteStreamError",
    "InternalServerError",
    "InvalidRequestError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "ResponseError",
    "StreamError",
    "ToolCallArgumentsError",
    "ToolCallMissingError",
    "UnprocessableEntityError",
    "UnsupportedContentError",
]


class GraySwanError(Exception):
    """The root of every error this package raises."""


class ConfigurationError(GraySwanError):
    """The settings cannot work; the message says which and what to do."""


class InvalidRequestError(GraySwanError, ValueError):
    """The request cannot be put on the wire. Nothing was sent."""


class UnsupportedContentError(InvalidRequestError):
    """A message holds something that Cygnet, which reads text only, cannot be sent."""


class APIError(GraySwanError):
    """A request failed.

    Attributes:
        message: What happened, in a sentence of at most 2,000 characters, all of them printable.
        status_code: The HTTP status, where there was one.
        request_id: The API's name for the request (header `x-request-id`).
        retry_after: Seconds the API asked to wait before another try.
        should_retry: Whether the API says to try again (header `x-should-retry`).
        body: The error body: parsed JSON, or the text, as far as it was read.
        partial: What had arrived of the response; each choice's `finish_reason` is None
            unless it had ended.
    """

    is_retryable = False
    """Whether the same request may succeed when sent again."""

    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        should_retry: bool | None = None,
        body: Any = None,
        partial: ChatResponse | None = None,
    ) -> None:
        message = shortened(printable(message), _LONGEST_MESSAGE)
        super().__init__(message)
        self.message = message
        self.status_code = status_code
        self.request_id = request_id
        self.retry_after = retry_after
        self.should_retry = should_retry
        self.body = body
        self.partial = partial
        if should_retry is not None:
            self.is_retryable = should_retry

    @property
    def partial_text(self) -> str:
        """The text of the first choice that had arrived before the failure."""
        if self.partial is None:
            return ""
        return self.partial.choices[0].message.content or ""

    def hide(self, secret: str) -> None:
        """Redact a secret that the API has echoed, here and in the causes."""
        self.message = redact(self.message, secret)
        self.request_id = _without(self.request_id, secret)
        self.body = _without(self.body, secret)
        _hide_behind(self, secret)

    def details(self) -> dict[str, Any]:
        """The keyword arguments that make this error again, in this class or another."""
        return {
            "status_code": self.status_code,
            "request_id": self.request_id,
            "retry_after": self.retry_after,
            "should_retry": self.should_retry,
            "body": self.body,
            "partial": self.partial,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.details())


_LONGEST_MESSAGE = 2_000


def _without(value: Any, secret: str) -> Any:
    if isinstance(value, str):
        return redact(value, secret)
    if isinstance(value, dict):
        return {_without(key, secret): _without(item, secret) for key, item in value.items()}
    if isinstance(value, list):
        return [_without(item, secret) for item in value]
    return value


def _hide_behind(error: BaseException | None, secret: str) -> None:
    """Take a secret out of an error's arguments and those of the errors behind it."""
    while error is not None:
        for each in error.args:
            if isinstance(each, BaseException):  # as httpcore keeps h11's
                _hide_behind(each, secret)
        error.args = tuple(_without(list(error.args), secret))
        error = error.__cause__


def _rebuild(kind: type[APIError], message: str, details: dict[str, Any]) -> APIError:
    return kind(message, **details)


class APIConnectionError(APIError):
    """The API could not be reached, or the connection broke before the response ended."""

    is_retryable = True


class APITimeoutError(APIConnectionError):
    """The API took longer than the timeout allows."""


class APIStatusError(APIError):
    """The API responded with an error status."""


class BadRequestError(APIStatusError):
    """400: the API could not use the request."""


class ContextOverflowError(BadRequestError):
    """The input is longer than the model's context window."""


class AuthenticationError(APIStatusError):
    """401: the key is missing, wrong or revoked."""


class PermissionDeniedError(APIStatusError):
    """403: the key may not do this."""


class NotFoundError(APIStatusError):
    """404: no such model, or no such address."""


class ConflictError(APIStatusError):
    """409: the request collided with another one."""

    is_retryable = True


class UnprocessableEntityError(APIStatusError):
    """422: a field of the request is not as the API expects."""


class RateLimitError(APIStatusError):
    """429: too many requests; `retry_after` says how long to wait, if the API did."""

    is_retryable = True


class InternalServerError(APIStatusError):
    """5xx: the API failed."""

    is_retryable = True


class ResponseError(APIError):
    """The status was 200, but the body is not a valid response."""


class IncompleteStreamError(ResponseError):
    """The stream ended before the response did: no finish reason and no `[DONE]` had come."""

    is_retryable = True


class ToolCallMissingError(ResponseError, ValueError):
    """The model called no tool on offer, although it was asked to several times."""


class ToolCallArgumentsError(ResponseError, ValueError):
    """The arguments of a tool call are cut short, or are not what the tool takes."""


class ContentFilterError(ResponseError):
    """The model refused, and `raise_on_content_filter` is set."""


class CygnalViolationError(ContentFilterError):
    """A Cygnal guard blocked something, and was set to make that an error.

    Attributes:
        report: The judgement as plain data: `stage`, `reasons`, `violation`, `rules` and so on.
    """

    def __init__(
        self, message: str, *, report: dict[str, Any] | None = None, **details: Any
    ) -> None:
        super().__init__(message, **details)
        self.report = report or {}

    def details(self) -> dict[str, Any]:
        """As with any `APIError`, with the report."""
        return {**super().details(), "report": self.report}


class StreamError(ResponseError):
    """The API reported an error inside the stream."""
