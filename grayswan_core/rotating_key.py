"""API keys that a function returns, for keys that rotate."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import SecretStr
from typing_extensions import Self

from grayswan_core.errors import ConfigurationError

__all__ = ["RotatingKey"]

# An error may echo the key of a request that began before the latest ones.
_KEPT = 16


class RotatingKey(SecretStr):
    """A key that a function returns anew each time it is read: for each request, tries included.

    Args:
        function: Returns a key. It is called in the event loop, too, so it must not wait long.
        check: Returns the key as it is to be sent, or raises a `ConfigurationError`.

    Raises:
        ConfigurationError: the function is async.
    """

    def __init__(self, function: Callable[[], Any], check: Callable[[Any], SecretStr]) -> None:
        if inspect.iscoroutinefunction(function):
            raise ConfigurationError(
                "api_key cannot be an async function: requests are sent from sync code, too. Pass a"
                " plain function that returns the current key."
            )
        super().__init__("")
        self._function = function
        self._check = check
        self._recent: deque[str] = deque(maxlen=_KEPT)

    def get_secret_value(self) -> str:
        """The current key.

        Raises:
            ConfigurationError: the function failed, or returned what cannot be a key.
        """
        try:
            key = self._function()
        except Exception as error:
            raise ConfigurationError(f"The function api_key failed: {error!r}.") from error
        if not isinstance(key, str | SecretStr):
            raise ConfigurationError(f"The function api_key returned no str: {type(key).__name__}.")
        value = self._check(key).get_secret_value()
        if value not in self._recent:
            self._recent.append(value)
        return value

    def recent_values(self) -> Iterable[str]:
        """The keys that requests under way may have been sent with."""
        return tuple(self._recent)

    def __len__(self) -> int:
        return max(map(len, self._recent), default=0)

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self
