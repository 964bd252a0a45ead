from __future__ import annotations

import copy
import inspect
import pickle
import re

import pytest

from grayswan_core import errors
from grayswan_core.errors import (
    APIError,
    AuthenticationError,
    ConfigurationError,
    GraySwanError,
    InvalidRequestError,
    RateLimitError,
    ToolCallArgumentsError,
    ToolCallMissingError,
    UnsupportedContentError,
)
from grayswan_core.wire import ChatResponse

ALL = [getattr(errors, name) for name in errors.__all__]
API_ERRORS = [kind for kind in ALL if issubclass(kind, APIError)]

PARTIAL = ChatResponse.model_validate({"choices": [{"message": {"content": "so far"}}]})
DETAILS = {
    "status_code": 429,
    "request_id": "req-1",
    "retry_after": 7.0,
    "should_retry": False,
    "body": {"error": True},
    "partial": PARTIAL,
}


def test_the_tree_is_the_one_drawn_in_the_docstring():
    drawn = re.findall(r"^(?:[│ ]*[├└]── )?(\w+Error)\b", errors.__doc__, re.MULTILINE)
    assert sorted(errors.__all__) == sorted(drawn)
    depth = {
        name: len(line[: line.index(name)]) // 4
        for line in errors.__doc__.splitlines()
        for name in drawn
        if re.match(rf"[│├└─ ]*{name}\b", line)
    }
    for kind in ALL:
        assert depth[kind.__name__] == kind.__mro__.index(GraySwanError)


def test_every_error_of_the_module_is_public():
    defined = [
        name
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and kind.__module__ == errors.__name__
    ]
    assert sorted(errors.__all__) == sorted(defined)


def test_what_cannot_be_sent_is_a_value_error_too():
    assert issubclass(InvalidRequestError, ValueError)
    assert issubclass(UnsupportedContentError, InvalidRequestError)


@pytest.mark.parametrize("kind", [ToolCallMissingError, ToolCallArgumentsError])
def test_output_that_is_not_what_was_asked_for_is_a_value_error_too(kind):
    assert issubclass(kind, ValueError)


@pytest.mark.parametrize("kind", API_ERRORS)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_api_error_comes_whole_out_of_a_pickle(kind, protocol):
    error = kind("It failed.", **DETAILS)
    copied = pickle.loads(pickle.dumps(error, protocol))
    assert kind is type(copied)
    assert vars(error) == vars(copied)
    assert "It failed." == str(copied)


@pytest.mark.parametrize("kind", [GraySwanError, ConfigurationError, InvalidRequestError])
def test_the_other_errors_can_be_pickled_as_well(kind):
    assert "It failed." == str(pickle.loads(pickle.dumps(kind("It failed."))))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_an_api_error_can_be_copied(copied):
    error = RateLimitError("It failed.", **DETAILS)
    assert vars(error) == vars(copied(error))


def test_an_error_can_be_made_again_in_another_class():
    class FrameworkError(RateLimitError, ValueError):
        pass

    error = FrameworkError("It failed.", **RateLimitError("It failed.", **DETAILS).details())
    assert DETAILS == error.details()
    assert FrameworkError is type(copy.copy(error))


def test_what_is_not_known_is_none():
    error = APIError("It failed.")
    assert dict.fromkeys(DETAILS) == error.details()
    assert "" == error.partial_text
    assert not error.is_retryable


def test_the_services_word_decides_for_that_error_alone():
    assert AuthenticationError("x", should_retry=True).is_retryable
    assert not AuthenticationError("x").is_retryable
    assert not RateLimitError("x", should_retry=False).is_retryable


def test_the_partial_text_is_that_of_the_first_choice():
    assert "so far" == APIError("x", partial=PARTIAL).partial_text
    silent = ChatResponse.model_validate({"choices": [{"message": {"content": None}}]})
    assert "" == APIError("x", partial=silent).partial_text


def test_an_echoed_secret_can_be_taken_out():
    body = {"secret": ["the secret", {"secret": "secret", "n": 1}], "no": None}
    error = APIError("The secret is secret.", body=body)
    error.hide("secret")
    assert "The *** is ***." == error.message == str(error)
    assert {"***": ["the ***", {"***": "***", "n": 1}], "no": None} == error.body
    assert "secret" not in repr(error)
    assert "secret" in body  # what was handed in stays as it was


def test_hiding_leaves_a_text_body_a_text_and_none_none():
    error = APIError("x", body="the secret")
    error.hide("secret")
    assert "the ***" == error.body
    error = APIError("x")
    error.hide("secret")
    assert error.body is None


@pytest.mark.parametrize("kind", API_ERRORS)
def test_a_message_is_printable_and_bounded(kind):
    error = kind("\x1b[2J\u202eIt\nfailed." + "x" * 5_000, body="\x1b[2J")
    assert error.message.startswith("It failed.xxx")
    assert error.message == str(error)
    assert len(error.message) <= 2_003
    assert "\x1b[2J" == error.body


def test_a_secret_is_taken_out_of_the_request_id_and_at_a_cut():
    error = APIError("Wrong key: the-secr...", request_id="for-the-secret", body=["the-secret"])
    error.hide("the-secret")
    assert ("Wrong key: ***...", "for-***", ["***"]) == (
        error.message,
        error.request_id,
        error.body,
    )
