from __future__ import annotations

import httpx
import pytest
from pydantic import SecretStr, TypeAdapter, ValidationError

from grayswan_core.config import DEFAULT_MAX_RETRIES, Timeout
from grayswan_core.settings.types import (
    AnyTimeout,
    APIKey,
    BaseURL,
    ChatPath,
    Headers,
    MaxRetries,
    Stop,
    hidden,
)


def checked(kind, given):
    return TypeAdapter(kind).validate_python(given)


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        (AnyTimeout, (1, 7), Timeout.of((1, 7))),
        (AnyTimeout, httpx.Timeout(7), Timeout.of(httpx.Timeout(7))),
        (AnyTimeout, "7", 7.0),
        (AnyTimeout, None, None),
        (MaxRetries, None, DEFAULT_MAX_RETRIES),
        (BaseURL, "http://elsewhere.example", "http://elsewhere.example"),
        (Stop, ["END"], ["END"]),
        (APIKey, SecretStr("a-key"), SecretStr("a-key")),
    ],
    ids=["tuple", "httpx", "text", "none", "retries", "address", "stop", "key"],
)
def test_settings_in_other_models_forms_are_taken(kind, given, expected):
    assert expected == checked(kind, given)


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        (AnyTimeout, (1, 2, 3), "timeout is a number"),
        (AnyTimeout, object(), "timeout is a number"),
        (BaseURL, "ftp://h.example", "ftp"),
        (ChatPath, "a b", "path"),
        (Stop, "", "stop sequence"),
        (APIKey, "", "key"),
        (Headers, {"no good": "x"}, "no good"),
    ],
    ids=["tuple", "object", "address", "path", "stop", "key", "header"],
)
def test_what_cannot_work_is_an_error_that_says_why(kind, given, words):
    with pytest.raises(ValidationError, match=words):
        checked(kind, given)


def test_secrets_are_hidden_in_mappings_too():
    assert SecretStr("a") == hidden("a")
    assert {"x": SecretStr("a")} == hidden({"x": "a"})
    assert None is hidden(None)
