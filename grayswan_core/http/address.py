"""A URL as connections need it. Sans-I/O."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from grayswan_core.errors import ConfigurationError
from grayswan_core.http.hosts import ascii_host

__all__ = ["Address", "Target", "parse_url"]

_DEFAULT_PORTS = {"http": 80, "https": 443}

# RFC 3986: what a path and a query may hold as it is, and "%", for what is escaped already.
_AS_IT_IS = "/?%:@!$&'()*+,;=~-._"


class Address(NamedTuple):
    """Where a connection leads; the host in ASCII."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """Host and port, the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


class Target(NamedTuple):
    """An address, and what the first lines of a request to it say."""

    address: Address
    first_lines: str


@lru_cache
def parse_url(url: str) -> Target:
    """The target of a POST to a URL.

    Raises:
        ConfigurationError: it is no http(s) URL.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme not in _DEFAULT_PORTS:
            raise ValueError("it does not begin with http:// or https://")  # noqa: TRY301
        port = parts.port if parts.port is not None else _DEFAULT_PORTS[parts.scheme]
        address = Address(parts.scheme, ascii_host(parts.hostname or ""), port)
        query = f"?{parts.query}" if parts.query else ""
        path = quote(f"{parts.path or '/'}{query}", safe=_AS_IT_IS)
    except ValueError as error:  # a UnicodeError is one
        raise ConfigurationError(f"The base URL cannot be used: {error}.") from None
    return Target(address, f"POST {path} HTTP/1.1\r\nhost: {address.authority}\r\n")
