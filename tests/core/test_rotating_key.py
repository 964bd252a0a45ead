from __future__ import annotations

import copy

import pytest
from pydantic import SecretStr

from grayswan_core import ClientConfig
from grayswan_core.config import resolve_api_key
from grayswan_core.errors import APIError, ConfigurationError


def rotating(*keys):
    left = iter(keys)
    return resolve_api_key(lambda: next(left))


def test_each_reading_calls_the_function():
    key = rotating(" first-key ", SecretStr("second-key"))
    assert ["first-key", "second-key"] == [key.get_secret_value() for _ in range(2)]


def test_nothing_is_called_before_it_is_read():
    key = resolve_api_key(pytest.fail)
    assert 0 == len(key)
    assert resolve_api_key(key) is key
    assert "fail" not in repr(key)


@pytest.mark.parametrize(
    ("returned", "words"),
    [("", "no Gray Swan API key"), ("two words", "holds characters"), (None, "no str: NoneType")],
)
def test_what_is_no_key_is_an_error(returned, words):
    with pytest.raises(ConfigurationError, match=words):
        resolve_api_key(lambda: returned).get_secret_value()


def test_a_function_that_fails_is_named():
    def failing():
        raise OSError("no vault")

    with pytest.raises(ConfigurationError, match=r"function api_key failed.*no vault"):
        resolve_api_key(failing).get_secret_value()


def test_an_async_function_is_refused_at_once():
    async def key():
        return "key"

    with pytest.raises(ConfigurationError, match="async function"):
        resolve_api_key(key)


def test_copies_share_it_and_it_equals_itself_alone():
    key, other = rotating("a"), rotating("a")
    assert copy.deepcopy(key) is copy.copy(key) is key
    assert key == key  # noqa: PLR0124 - no function is called for that
    assert key != other
    assert len({key, other}) == 2


def test_keys_that_were_used_are_hidden_in_errors():
    config = ClientConfig.resolve(api_key=rotating("old-secret-key", "new-secret-key"))
    for _ in range(2):
        config.api_key.get_secret_value()
    error = APIError("Neither old-secret-key nor new-secret-key will do.")
    config.hide_secrets(error)
    assert "Neither *** nor *** will do." == error.message
