"""Where the service is and how to speak to it. The only module that reads the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr
from typing_extensions import Self

from grayswan_core.errors import APIError, ConfigurationError
from grayswan_core.http.retry import RetryPolicy
from grayswan_core.limits import DEFAULT_LIMITS, DEFAULT_TIMEOUT, Limits, Timeout
from grayswan_core.wire import DEFAULT_BASE_URL, DEFAULT_CHAT_PATH

__all__ = [
    "API_KEY_VARIABLE",
    "BASE_URL_VARIABLE",
    "DEFAULT_LIMITS",
    "DEFAULT_MAX_RETRIES",
    "DEFAULT_TIMEOUT",
    "ClientConfig",
    "Limits",
    "Timeout",
]

API_KEY_VARIABLE = "GRAYSWAN_API_KEY"
BASE_URL_VARIABLE = "GRAY_SWAN_BASE_URL"

DEFAULT_MAX_RETRIES = 5

# Those the client sets itself, and those that say where the request ends.
_FORBIDDEN_HEADERS = frozenset(
    {
        "authorization",
        "content-type",
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "transfer-encoding",
    }
)

# Anything shorter is a stand-in for tests, and is found in plain words.
_SHORTEST_SECRET = 8

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True)
class ClientConfig:
    """All that a client needs to know, checked. Make it with `ClientConfig.resolve`."""

    api_key: SecretStr
    base_url: str = DEFAULT_BASE_URL
    chat_path: str = DEFAULT_CHAT_PATH
    timeout: Timeout = DEFAULT_TIMEOUT
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    limits: Limits = DEFAULT_LIMITS
    # Headers may carry secrets of a gateway, so no repr shows them.
    headers: Mapping[str, SecretStr] = field(default_factory=dict, repr=False)

    @classmethod
    def resolve(
        cls,
        *,
        api_key: SecretStr | str | None = None,
        base_url: str | None = None,
        chat_path: str = DEFAULT_CHAT_PATH,
        timeout: float | Timeout | None = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_MAX_RETRIES,
        limits: Limits = DEFAULT_LIMITS,
        headers: Mapping[str, str] | None = None,
        allow_insecure_http: bool = False,
    ) -> ClientConfig:
        """Explicit arguments win; what is missing comes from the environment.

        Args:
            api_key: The key; else the variable `GRAYSWAN_API_KEY`.
            base_url: The service's address; else the variable `GRAY_SWAN_BASE_URL`; else
                `https://api.grayswan.ai`.
            chat_path: Path of the chat endpoint under the base URL.
            timeout: Longest wait for the service to go on in seconds, or a `Timeout`.
            max_retries: Tries after the first.
            limits: What an answer may weigh, and how many connections may be open.
            headers: Further headers to send with each request.
            allow_insecure_http: Allow `http://` to another machine than this one.

        Raises:
            ConfigurationError: there is no key, or a setting cannot work.
        """
        if max_retries < 0:
            raise ConfigurationError(f"max_retries is 0 or more, not {max_retries}.")
        return cls(
            api_key=resolve_api_key(api_key),
            base_url=resolve_base_url(base_url, allow_insecure_http=allow_insecure_http),
            chat_path=_checked_path(chat_path),
            timeout=Timeout.of(timeout),
            retry=RetryPolicy(max_retries=max_retries),
            limits=limits,
            headers=_checked_headers(headers or {}),
        )

    def hide_secrets(self, error: APIError) -> None:
        """Take the key and the further headers out of an error, where the service echoed them."""
        for secret in (self.api_key, *self.headers.values()):
            if len(secret) >= _SHORTEST_SECRET:
                error.hide(secret.get_secret_value())

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickle holds no secret: the key is read from the environment again, headers go."""
        kept = (self.base_url, self.chat_path, self.timeout, self.retry, self.limits)
        return _unpickled, kept

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


def _unpickled(base_url: str, *kept: Any) -> ClientConfig:
    return ClientConfig(resolve_api_key(), base_url, *kept)


def resolve_api_key(api_key: SecretStr | str | None = None) -> SecretStr:
    """The key given, else the one in the environment, without the white space around it.

    Raises:
        ConfigurationError: there is none, or it cannot be a key. The message never shows it,
            nor does a local variable of the frames in the traceback.
    """
    key = _stripped(os.environ.get(API_KEY_VARIABLE, "") if api_key is None else api_key)
    if not key.get_secret_value():
        raise ConfigurationError(
            "There is no Gray Swan API key. Set the environment variable"
            f" {API_KEY_VARIABLE}, or pass api_key=..."
        )
    if not _may_be_sent(key):
        raise ConfigurationError(
            "The Gray Swan API key holds characters that no key has (white space, control or"
            f" non-ASCII characters). Check {API_KEY_VARIABLE} or api_key."
        )
    return key


def _stripped(key: SecretStr | str) -> SecretStr:
    return SecretStr((key.get_secret_value() if isinstance(key, SecretStr) else key).strip())


def _may_be_sent(key: SecretStr) -> bool:
    # A line break would end the header and start another; h11 would print the key in its error.
    value = key.get_secret_value()
    return value.isascii() and value.isprintable() and " " not in value


def resolve_base_url(base_url: str | None = None, *, allow_insecure_http: bool = False) -> str:
    """The address given, else the one in the environment, else the service's own.

    Raises:
        ConfigurationError: it is no http(s) address, holds a password, a query or a fragment,
            or would send the key in clear text to another machine.
    """
    value = (base_url or os.environ.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL).strip()
    # urlsplit drops line breaks and tabs without a word, and an empty query: look before it does.
    if not value.isprintable() or " " in value or "\\" in value:
        raise ConfigurationError(_bad_url("it holds characters that no address has"))
    if "?" in value or "#" in value:
        raise ConfigurationError(_bad_url("it must not hold a query or a fragment"))
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationError(_bad_url("it cannot be read")) from None
    problem = _url_problem(parts, host or "", allow_insecure_http=allow_insecure_http)
    if problem:
        raise ConfigurationError(_bad_url(problem))
    return value.rstrip("/")


def _url_problem(parts: SplitResult, host: str, *, allow_insecure_http: bool) -> str | None:
    if parts.scheme not in ("http", "https") or not host:
        return "it has to look like https://host or https://host/path"
    if "@" in parts.netloc:
        return "it must not hold a user name or password"
    if parts.scheme == "http" and not (_is_loopback(host) or allow_insecure_http):
        return (
            "plain http would send the key in clear text to another machine; use https, or pass"
            " allow_insecure_http=True if that is what you want"
        )
    return None


def _bad_url(problem: str) -> str:
    return f"The base URL cannot be used: {problem}. It comes from base_url or {BASE_URL_VARIABLE}."


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _checked_path(path: str) -> str:
    if not path.isprintable() or " " in path or "#" in path:
        raise ConfigurationError(f"chat_path holds characters that no path has: {path!r}.")
    return "/" + path.strip("/")


def _checked_headers(headers: Mapping[str, str]) -> dict[str, SecretStr]:
    checked = {}
    for name, given in headers.items():
        value = given.strip()
        if name.lower() in _FORBIDDEN_HEADERS:
            raise ConfigurationError(f"The header {name!r} is set by the client itself.")
        # What h11 refuses it prints, and the value may be a secret.
        if not (_HEADER_NAME.fullmatch(name) and value.isascii() and value.isprintable()):
            raise ConfigurationError(f"The header {name!r} holds characters no header may have.")
        checked[name.lower()] = SecretStr(value)
    return checked
