"""The core's errors as members of LangChain's `ModelError` family.

Each class here is a subclass of both, so code that catches either works, and LangChain's own
retries, which look at `is_retryable`, are right. The attributes
are the core's (`grayswan_core.errors`): `status_code`, `request_id`, `retry_after`, `body`,
`partial`. None of them holds the request, its headers or a response object.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from langchain_core import exceptions as langchain

from grayswan_core import errors as core
from langchain_grayswan.responses import message_from_choice

if TYPE_CHECKING:
    ModelRefusalError = langchain.ModelError
else:  # since langchain-core 1.7.5
    ModelRefusalError = getattr(langchain, "ModelRefusalError", langchain.ModelError)

__all__ = ["ModelRefusalError", "as_langchain_error", "langchain_errors"]


# The core's class comes first in each, so that its `is_retryable` holds.


class ConfigurationError(core.ConfigurationError, langchain.ModelError): ...


class InvalidRequestError(core.InvalidRequestError, langchain.ModelInvalidRequestError): ...


class UnsupportedContentError(core.UnsupportedContentError, langchain.ModelInvalidRequestError): ...


class APIError(core.APIError, langchain.ModelError): ...


class APIConnectionError(core.APIConnectionError, langchain.ModelConnectionError): ...


class APITimeoutError(core.APITimeoutError, langchain.ModelTimeoutError): ...


class APIStatusError(core.APIStatusError, langchain.ModelError): ...


class BadRequestError(core.BadRequestError, langchain.ModelInvalidRequestError): ...


class ContextOverflowError(core.ContextOverflowError, langchain.ContextOverflowError): ...


class AuthenticationError(core.AuthenticationError, langchain.ModelAuthenticationError): ...


class PermissionDeniedError(core.PermissionDeniedError, langchain.ModelPermissionDeniedError): ...


class NotFoundError(core.NotFoundError, langchain.ModelNotFoundError): ...


class ConflictError(core.ConflictError, langchain.ModelError): ...


class UnprocessableEntityError(
    core.UnprocessableEntityError, langchain.ModelInvalidRequestError
): ...


class RateLimitError(core.RateLimitError, langchain.ModelRateLimitError): ...


class InternalServerError(core.InternalServerError, langchain.ModelAPIError): ...


class ResponseError(core.ResponseError, langchain.ModelAPIError): ...


class IncompleteStreamError(core.IncompleteStreamError, langchain.ModelConnectionError): ...


class StreamError(core.StreamError, langchain.ModelAPIError): ...


class ContentFilterError(core.ContentFilterError, ModelRefusalError): ...


class CygnalViolationError(core.CygnalViolationError, ContentFilterError): ...


# These mean that the output is not of the required form, which a chain that parses output catches.


class ToolCallMissingError(
    core.ToolCallMissingError, langchain.ModelError, langchain.OutputParserException
): ...


class ToolCallArgumentsError(
    core.ToolCallArgumentsError, langchain.ModelError, langchain.OutputParserException
): ...


_BY_CORE_CLASS: dict[type[BaseException], type[core.GraySwanError]] = {
    kind.__mro__[1]: kind
    for kind in (
        ConfigurationError,
        InvalidRequestError,
        UnsupportedContentError,
        APIError,
        APIConnectionError,
        APITimeoutError,
        APIStatusError,
        BadRequestError,
        ContextOverflowError,
        AuthenticationError,
        PermissionDeniedError,
        NotFoundError,
        ConflictError,
        UnprocessableEntityError,
        RateLimitError,
        InternalServerError,
        ResponseError,
        IncompleteStreamError,
        StreamError,
        ContentFilterError,
        CygnalViolationError,
        ToolCallMissingError,
        ToolCallArgumentsError,
    )
}


def as_langchain_error(error: core.GraySwanError) -> core.GraySwanError:
    """The same error as a member of LangChain's family; one that is a member already is itself."""
    if isinstance(error, langchain.ModelError):
        return error
    kind = next(_BY_CORE_CLASS[each] for each in type(error).__mro__ if each in _BY_CORE_CLASS)
    if not isinstance(error, core.APIError):
        return kind(*error.args)
    known = kind(error.message, **error.details())
    if isinstance(known, ContentFilterError) and error.partial is not None:
        answer = error.partial
        known.raw_message = message_from_choice(answer.choices[0], answer)  # type: ignore[attr-defined]
    return known


@contextmanager
def langchain_errors() -> Iterator[None]:
    """Raise the core's errors of the block as LangChain's, each with the original as its cause."""
    try:
        yield
    except core.GraySwanError as error:
        known = as_langchain_error(error)
        if known is error:
            raise
        raise known from error
