"""What each setting of a model may be, in any of the forms the frameworks' users know.

Each is checked by itself, so that an error about several settings names each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator, SecretStr

from grayswan_core.config import (
    DEFAULT_MAX_RETRIES,
    Timeout,
    checked_headers,
    checked_path,
    resolve_api_key,
    resolve_base_url,
)
from grayswan_core.decoding.stop import normalize_stop
from grayswan_core.errors import ConfigurationError

__all__ = [
    "APIKey",
    "AnyTimeout",
    "BaseURL",
    "ChatPath",
    "Headers",
    "MaxRetries",
    "Stop",
    "hidden",
]


def _usable(check: Callable[[Any], object]) -> AfterValidator:
    """Validates with a check that raises where a setting cannot work."""

    def checked(given: Any) -> Any:
        try:
            if given is not None:
                check(given)
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
        return given

    return AfterValidator(checked)


def _timeout(given: Any) -> Any:
    """HTTP libraries' timeouts as ours; pydantic reads numbers and what was serialized."""
    if given is None or isinstance(given, int | float | str | dict):
        return given
    try:
        return Timeout.of(given)
    except ConfigurationError as error:
        raise ValueError(str(error)) from None


def _max_retries(given: Any) -> Any:
    return DEFAULT_MAX_RETRIES if given is None else given


def _may_be_address(given: str) -> None:
    resolve_base_url(given, allow_insecure_http=True)  # whether it is allowed is decided last


APIKey: TypeAlias = Annotated[SecretStr | str | Callable[[], str] | None, _usable(resolve_api_key)]
BaseURL: TypeAlias = Annotated[str | None, _usable(_may_be_address)]
ChatPath: TypeAlias = Annotated[str, _usable(checked_path)]
Stop: TypeAlias = Annotated[str | list[str] | None, _usable(normalize_stop)]
AnyTimeout: TypeAlias = Annotated[
    float | Timeout | None, BeforeValidator(_timeout), _usable(Timeout.of)
]
MaxRetries: TypeAlias = Annotated[int, BeforeValidator(_max_retries)]
Headers: TypeAlias = Annotated[Mapping[str, SecretStr | str] | None, _usable(checked_headers)]


def hidden(value: Any) -> Any:
    """A secret, or a mapping of secrets, that no `repr` shows."""
    if isinstance(value, str):
        return SecretStr(value)
    if isinstance(value, Mapping):
        return {name: hidden(item) for name, item in value.items()}
    return value
