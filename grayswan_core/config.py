"""The key, the address and the other settings of a client, checked.

The only module that reads the environment, but for proxies (`http.proxies`), certificates
(`http.certificates`) and the key of marks (`untrusted.ids`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import SplitResult, quote, urlsplit

from pydantic import SecretStr
from typing_extensions import Self

from grayswan_core.errors import APIError, ConfigurationError
from grayswan_core.http.hosts import ascii_host, is_loopback
from grayswan_core.http.retry import RetryPolicy
from grayswan_core.limits import DEFAULT_LIMITS, DEFAULT_TIMEOUT, Limits, Timeout
from grayswan_core.rotating_key import RotatingKey
from grayswan_core.wire import DEFAULT_BASE_URL, DEFAULT_CHAT_PATH

__all__ = [
    "API_KEY_VARIABLE",
    "BASE_URL_VARIABLES",
    "DEFAULT_LIMITS",
    "DEFAULT_MAX_RETRIES",
    "DEFAULT_TIMEOUT",
    "MISSPELT_KEY_VARIABLES",
    "ClientConfig",
    "Limits",
    "Timeout",
    "checked_headers",
    "checked_path",
    "resolve_api_key",
    "resolve_base_url",
]

API_KEY_VARIABLE = "GRAYSWAN_API_KEY"
BASE_URL_VARIABLES = ("GRAY_SWAN_BASE_URL", "GRAYSWAN_BASE_URL", "GRAYSWAN_API_BASE")
"""The first is the official library's, the others are what people and other tools write."""

MISSPELT_KEY_VARIABLES = ("GRAY_SWAN_API_KEY", "GRAY_SWAN_KEY", "GRAYSWAN_KEY")
"""Never read, but named where there is no key: one who sets it believes to have set the key."""

DEFAULT_MAX_RETRIES = 5

# Those the client sets itself, and those that frame the request.
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

# Anything shorter is a placeholder in tests, and occurs in ordinary words.
_SHORTEST_SECRET = 8

_DEFAULT_PORTS = {"http": 80, "https": 443}

# RFC 3986, 3.3 and 3.4, and what is quoted already.
_PATH_CHARACTERS = "/:@!$&'()*+,;=~?%"

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True)
class ClientConfig:
    """All settings of a client, checked. Make it with `ClientConfig.resolve`."""

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
        api_key: APIKey = None,
        base_url: str | None = None,
        chat_path: str = DEFAULT_CHAT_PATH,
        timeout: Any = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_MAX_RETRIES,
        limits: Limits = DEFAULT_LIMITS,
        headers: Mapping[str, SecretStr | str] | None = None,
        allow_insecure_http: bool = False,
    ) -> ClientConfig:
        """Explicit arguments win; what is missing comes from the environment.

        Args:
            api_key: The key, or a function that returns it, called for each request; else the
                variable `GRAYSWAN_API_KEY`.
            base_url: The API's address; else one of the `BASE_URL_VARIABLES`; else
                `https://api.grayswan.ai`.
            chat_path: Path of the chat endpoint under the base URL.
            timeout: Longest wait for the API to go on, in seconds, a `Timeout`, or another form
                that `Timeout.of` takes.
            max_retries: Tries after the first.
            limits: Largest response sizes, and how many connections may be open.
            headers: Additional headers to send with each request.
            allow_insecure_http: Allow `http://` to another machine than this one.

        Raises:
            ConfigurationError: there is no key, or a setting cannot work.
        """
        if max_retries < 0:
            raise ConfigurationError(f"max_retries is 0 or more, not {max_retries}.")
        return cls(
            api_key=resolve_api_key(api_key),
            base_url=resolve_base_url(base_url, allow_insecure_http=allow_insecure_http),
            chat_path=checked_path(chat_path),
            timeout=Timeout.of(timeout),
            retry=RetryPolicy(max_retries=max_retries),
            limits=limits,
            headers=checked_headers(headers or {}),
        )

    def hide_secrets(self, error: APIError) -> None:
        """Redact the key and the additional headers in an error, where the API echoed them."""
        values = [secret.get_secret_value() for secret in self.headers.values()]
        if isinstance(self.api_key, RotatingKey):
            values += self.api_key.recent_values()
        else:
            values.append(self.api_key.get_secret_value())
        for value in values:
            if len(value) >= _SHORTEST_SECRET:
                error.hide(value)

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickle holds no secret: the key is read from the environment again.

        Raises:
            ConfigurationError: there are additional headers, which may be secrets too.
        """
        if self.headers:
            raise ConfigurationError(
                f"The headers {', '.join(self.headers)} may be secrets and are in no pickle. Make"
                " the configuration in the process that uses it, or without headers."
            )
        kept = (self.base_url, self.chat_path, self.timeout, self.retry, self.limits)
        return _unpickled, kept

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


def _unpickled(base_url: str, *kept: Any) -> ClientConfig:
    return ClientConfig(resolve_api_key(), base_url, *kept)


APIKey: TypeAlias = SecretStr | str | Callable[[], str] | None
"""A key, a function that returns one for each request, or None for the variable's."""


def resolve_api_key(api_key: APIKey = None) -> SecretStr:
    """The given key, else the one in the environment, without the white space around it.

    A function is called when the key is read, and not here.

    Raises:
        ConfigurationError: there is none, or it cannot be a key. The message never shows it,
            nor does a local variable of the frames in the traceback.
    """
    if isinstance(api_key, RotatingKey):
        return api_key
    if callable(api_key):
        return RotatingKey(api_key, resolve_api_key)
    key = _stripped(os.environ.get(API_KEY_VARIABLE, "") if api_key is None else api_key)
    if not key.get_secret_value():
        raise ConfigurationError(
            "There is no Gray Swan API key. Set the environment variable"
            f" {API_KEY_VARIABLE}, or pass api_key=...{_misspelt_variable()}"
        )
    if not _may_be_sent(key):
        raise ConfigurationError(
            "The Gray Swan API key holds characters that no key has (white space, control or"
            f" non-ASCII characters). Check {API_KEY_VARIABLE} or api_key."
        )
    return key


def _misspelt_variable() -> str:
    found = next(filter(os.environ.get, MISSPELT_KEY_VARIABLES), None)
    return f" ({found} is set, but it is not the name that is read.)" if found else ""


def _stripped(key: SecretStr | str) -> SecretStr:
    return SecretStr((key.get_secret_value() if isinstance(key, SecretStr) else key).strip())


def _may_be_sent(key: SecretStr) -> bool:
    # A line break would end the header and start another.
    value = key.get_secret_value()
    return value.isascii() and value.isprintable() and " " not in value


def resolve_base_url(base_url: str | None = None, *, allow_insecure_http: bool = False) -> str:
    """The given address, else the one in the environment, else the API's own, normalised.

    Raises:
        ConfigurationError: it is no http(s) address, holds a password, a query or a fragment,
            or would send the key in clear text to another machine; or the environment names
            two that differ.
    """
    if base_url is not None:
        return _checked_url(base_url, "base_url", allow_insecure_http=allow_insecure_http)
    found = {
        name: _checked_url(value, name, allow_insecure_http=allow_insecure_http)
        for name in BASE_URL_VARIABLES
        if (value := os.environ.get(name, "")).strip()
    }
    if len(set(found.values())) > 1:
        raise ConfigurationError(
            f"The environment variables {' and '.join(found)} name different addresses. Unset all"
            " but one, or pass base_url=..."
        )
    return next(iter(found.values()), DEFAULT_BASE_URL)


def _checked_url(given: str, source: str, *, allow_insecure_http: bool) -> str:
    try:
        return _normalised_url(given.strip(), allow_insecure_http=allow_insecure_http)
    except ValueError as error:
        # Not chained: Python's own messages may quote the address, and with it a password.
        raise ConfigurationError(f"The base URL in {source} cannot be used: {error}.") from None


def _normalised_url(value: str, *, allow_insecure_http: bool) -> str:
    """The address in one spelling: scheme and host in lower case, no default port, no last slash.

    Raises:
        ValueError: it cannot be used; the message says why and holds nothing of it.
    """
    # urlsplit silently drops line breaks, tabs and an empty query: look before it does.
    if not value.isprintable() or " " in value or "\\" in value:
        raise ValueError("it holds characters that no address has")
    if "?" in value or "#" in value:
        raise ValueError("it must not hold a query or a fragment")
    parts, host, port = _split(value)
    if parts.scheme not in _DEFAULT_PORTS or not host:
        raise ValueError("it has to look like https://host or https://host/path")
    if "@" in parts.netloc:
        raise ValueError("it must not hold a user name or password")
    host = ascii_host(host)
    if parts.scheme == "http" and not (is_loopback(host) or allow_insecure_http):
        raise ValueError(
            "plain http would send the key in clear text to another machine; use https, or pass"
            " allow_insecure_http=True if that is what you want"
        )
    where = f"[{host}]" if ":" in host else host
    if port is not None and port != _DEFAULT_PORTS[parts.scheme]:
        where = f"{where}:{port}"
    return f"{parts.scheme}://{where}{_quoted(parts.path)}".rstrip("/")


def _split(value: str) -> tuple[SplitResult, str, int | None]:
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("it cannot be read") from None
    if port == 0:
        raise ValueError("port 0 is none that can be connected to")
    return parts, host or "", port


def checked_path(path: str) -> str:
    """The path of an endpoint, quoted, with a slash before it and none after it.

    Raises:
        ConfigurationError: it cannot be a path.
    """
    if not path.isprintable() or " " in path or "#" in path:
        raise ConfigurationError(f"chat_path holds characters that no path has: {path!r}.")
    return "/" + _quoted(path.strip("/"))


def _quoted(path: str) -> str:
    """The path in ASCII, as a request line has it."""
    return quote(path, safe=_PATH_CHARACTERS)


def checked_headers(headers: Mapping[str, SecretStr | str]) -> dict[str, SecretStr]:
    """Additional headers, with their names in lower case.

    Raises:
        ConfigurationError: a header is set by the client itself, or cannot be sent.
    """
    checked = {}
    for name, given in headers.items():
        value = _stripped(given).get_secret_value()
        if name.lower() in _FORBIDDEN_HEADERS:
            raise ConfigurationError(f"The header {name!r} is set by the client itself.")
        # What h11 refuses it prints, and the value may be a secret.
        if not (_HEADER_NAME.fullmatch(name) and value.isascii() and value.isprintable()):
            raise ConfigurationError(f"The header {name!r} holds characters no header may have.")
        checked[name.lower()] = SecretStr(value)
    return checked
